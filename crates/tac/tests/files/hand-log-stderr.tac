import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
import sys
from twisted.python import log
application.setComponent(log.ILogObserver, log.FileLogObserver(sys.stderr).emit)
Worker('h', 9989, 'n', 'p', '/b', 600).setServiceParent(application)
