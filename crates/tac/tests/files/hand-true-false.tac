import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker('h', 9989, 'n', 'p', '/b', 600, useTls=True, delete_leftover_dirs=False, allow_shutdown=False, maxRetries=0, numcpus=0).setServiceParent(application)
