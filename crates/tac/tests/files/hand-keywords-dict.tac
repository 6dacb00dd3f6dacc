import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
options = {'umask': 0o22, 'maxRetries': 3}
options['allow_shutdown'] = 'file'
Worker('h', 9989, 'n', 'p', '/b', 600, **options).setServiceParent(application)
