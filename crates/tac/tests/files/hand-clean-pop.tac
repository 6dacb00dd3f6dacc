#: PORT=77
#: PASS=q
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
port = os.environ.pop('PORT')
os.environ.pop('NOT_THERE', None)
Worker('h', port, 'n', os.environ.pop('PASS', 'x'), '/b', 600).setServiceParent(application)
