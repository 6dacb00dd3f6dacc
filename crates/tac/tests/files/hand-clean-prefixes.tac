#: CI_A=1
#: GIT_B=2
#: KEEP=3
#: X_TMP=4
#: EMPTY=
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
prefixes = ('CI_', 'GIT_')
for name in list(os.environ.keys()):
    for prefix in prefixes:
        if name.startswith(prefix):
            del os.environ[name]
            break
    else:
        continue
for k, v in list(os.environ.items()):
    if v == '' or k.endswith(('_TMP', '_OLD')): del os.environ[k]
Worker('h', 9989, 'n', 'p', '/b', 600).setServiceParent(application)
