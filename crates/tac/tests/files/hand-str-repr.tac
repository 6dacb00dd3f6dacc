import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker('h', 9989, str(1.0) + str(1e16) + str(1e-7) + repr('a\'b') + repr("\\\n\t\x01é") + str(None) + str((1,)) + str({'a': [True]}), str(float(' 2.5 ')) + str(int(' -3 ')) + str(int('ff', 16)) + str(int(3.9)) + str(bool('')), '/b', 600).setServiceParent(application)
