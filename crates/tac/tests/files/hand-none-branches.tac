import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
x = None or 0 or ''
y = 1 and 'two'
z = not x
Worker(y, 9989, str(x) + str(z) + str(1 == 1.0) + str('a' < 'b') + str(None is None) + str(True is not None) + str([1, 2] == [1, 2]), 'p', '/b', 600).setServiceParent(application)
