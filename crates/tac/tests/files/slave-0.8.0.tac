
import os

from twisted.application import service
from buildslave.bot import BuildSlave

basedir = r'/home/bot/slave'
rotateLength = 10000000
maxRotatedFiles = 10

application = service.Application('buildslave')

try:
  from twisted.python.logfile import LogFile
  from twisted.python.log import ILogObserver, FileLogObserver
  logfile = LogFile.fromFullPath(os.path.join(basedir, "twistd.log"), rotateLength=rotateLength,
                                 maxRotatedFiles=maxRotatedFiles)
  application.setComponent(ILogObserver, FileLogObserver(logfile).emit)
except ImportError:
  # an old twisted
  pass

buildmaster_host = 'master.example'
port = 9989
slavename = 'bot1'
passwd = 'pass1'
keepalive = 600
usepty = 0
umask = None
maxdelay = 300

s = BuildSlave(buildmaster_host, port, slavename, passwd, basedir,
               keepalive, usepty, umask=umask, maxdelay=maxdelay)
s.setServiceParent(application)

