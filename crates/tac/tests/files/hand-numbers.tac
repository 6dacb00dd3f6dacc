import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
a = 0x26_a5
b = 0b1_0
c = 0o17
d = 1_000
e = 1e1
f = .5
g = 1.
h = 00
Worker('h', a - c, 'n', 'p', '/b', e + f + g + h, numcpus=b, maxRetries=d, maxdelay=1.5e2).setServiceParent(application)
