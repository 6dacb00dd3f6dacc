import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
passwd = os.environ.get('WORKERPASS')
s = Worker('h', 9989, 'n', passwd, '/b', 600)
s.setServiceParent(application)
