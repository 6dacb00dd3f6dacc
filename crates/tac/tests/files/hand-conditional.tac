#: DEBUG=1
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
debug = os.environ.get('DEBUG') == '1'
port = 9990 if debug else 9989
host = os.environ.get('HOST') or 'fallback'
Worker(host, port, 'n' if not debug and port != 1 else 'd', 'p', '/b', 600 if 1 < 2 <= 2 and 'a' in 'abc' and 3 not in [1, 2] else 0).setServiceParent(application)
