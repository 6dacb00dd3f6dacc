import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
s = Worker('h', 0, 7, 'GEHEIM', None, 600, umask=-1, maxRetries='x', protocol=None)
s.setServiceParent(application)
