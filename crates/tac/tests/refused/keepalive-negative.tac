import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
s = Worker('h', 9989, 'n', 'GEHEIM', '/b', -1)
s.setServiceParent(application)
