import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker(None, None, 'n', 'p', '/b', 600, connection_string='unix:/run/master.sock').setServiceParent(application)
