#: SITE=berlin
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
host = os.environ.get('SITE')
if host is None:
    site = 'none'
elif host == 'berlin':
    site = 'b'
    if True: port = 1
    else: port = 2
elif host == 'paris' or host is not None:
    site = 'p'; port = 3
else:
    port = 4
Worker(site, port, 'n', 'p', '/b', 600).setServiceParent(application)
