import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
port = 99890
s = Worker('h', port, 'n', 'GEHEIM', '/b', 600)
s.setServiceParent(application)
