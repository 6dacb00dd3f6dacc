import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
host, port = 'h', 9989
(name, [passwd, basedir]) = ('n', ['p', '/b'])
a = b = 600
args = [host, port] + [name]
Worker(*args, passwd, basedir, keepalive=b).setServiceParent(application)
