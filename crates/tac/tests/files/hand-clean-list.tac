#: A_TOKEN=1
#: B_TOKEN=2
#: C_TOKEN=3
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
for variable in ['A_TOKEN', 'B_TOKEN', "MISSING"]:
    if variable in os.environ:
        del os.environ[variable]
Worker('h', 9989, 'n', 'p', '/b', 600).setServiceParent(application)
