import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
n = 5
Worker('%s.example' % 'host', 9989, 'bot%02d-%s' % (n, 'x'), '%(a)s%%%(b)5.1f' % {'a': 'A', 'b': 2.25} + '|%-4d|%+d' % (3, 4) + '%r %x %5s|' % ('q', 255, None), '/b', 600).setServiceParent(application)
