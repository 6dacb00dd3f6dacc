import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
n = 5
Worker('{}.{}'.format('a', 'b'), 9989, 'bot{0:03d}-{0}-{name!r:>6}{{}}'.format(n, name='x'), '{:*^9}|{:<4}|{:08.3f}|{:#x}'.format('mid', 1, 3.14159, 255), '/b', 600).setServiceParent(application)
