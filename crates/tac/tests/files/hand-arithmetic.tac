import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker('h', 10_000 - 11, 'n', 'p', '/b', -(-7 // 2) * 2 ** 3 + 7 % -3 + 1, umask=0o700 >> 6 | 0o20 & ~0o2, maxdelay=7 / 2, numcpus=max(1, 4 - 2), maxRetries=min([3, 2, 9])).setServiceParent(application)
