import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
secret = 'p'
passwd = secret
del secret
x = y = 1
del x, y
Worker('h', 9989, 'n', passwd, '/b', 600).setServiceParent(application)
