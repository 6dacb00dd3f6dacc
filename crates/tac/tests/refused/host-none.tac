import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
s = Worker(None, None, 'n', 'GEHEIM', '/b', 600)
s.setServiceParent(application)
