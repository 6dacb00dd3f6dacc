import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
s = Worker('h', 9989, 'n', 'GEHEIM', '/b', 600, None, None, None, None, None, 'pb', None, None, None, None, None, None, None, None)
s.setServiceParent(application)
