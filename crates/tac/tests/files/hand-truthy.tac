import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker('h', 9989, 'n', 'p', '/b', 600, useTls='yes', delete_leftover_dirs=[], proxy_connection_string='').setServiceParent(application)
