import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
from twisted.python.logfile import LogFile
from twisted.python.log import ILogObserver, FileLogObserver
f = LogFile('my.log', '/var/log', 5000, maxRotatedFiles=2)
observer = FileLogObserver(f)
application.setComponent(ILogObserver, observer.emit)
Worker('h', 9989, 'n', 'p', '/b', 600).setServiceParent(application)
