import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
from twisted.python.logfile import LogFile
from twisted.python.log import ILogObserver, FileLogObserver
application.setComponent(ILogObserver, FileLogObserver(LogFile.fromFullPath('x.log', None, None, 7)).emit)
Worker('h', 9989, 'n', 'p', '/b', 600).setServiceParent(application)
