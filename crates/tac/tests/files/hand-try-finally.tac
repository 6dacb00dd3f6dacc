import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
try:
    port = 1
finally:
    host = 'h'
try:
    import sys
except ImportError as e:
    port = 2
else:
    port = 3
Worker(host, port, 'n', 'p', '/b', 600).setServiceParent(application)
