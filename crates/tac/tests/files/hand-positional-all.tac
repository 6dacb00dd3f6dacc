import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker('h', 9989, 'n', 'p', '/b', 600, None, 0o22, 30, 4, 'utf-8', 'pb', True, 'file', 5, None, '/ws', True, None).setServiceParent(application)
