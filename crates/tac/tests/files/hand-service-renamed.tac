import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
service = Worker('h', 9989, 'n', 'p', '/b', 600)
service.setServiceParent(application)
