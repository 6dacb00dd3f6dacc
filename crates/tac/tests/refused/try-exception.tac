import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
try:
    x = 1
except Exception:
    x = 2
