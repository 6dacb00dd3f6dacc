
import os

from twisted.application import service
from buildslave.bot import BuildSlave

basedir = '.'
rotateLength = 10000000
maxRotatedFiles = 10

# '.' means the place of this file
if basedir == '.':
    import os.path
    basedir = os.path.abspath(os.path.dirname(__file__))

# recognised by its text
application = service.Application('buildslave')

from twisted.python.logfile import LogFile
from twisted.python.log import ILogObserver, FileLogObserver
logfile = LogFile.fromFullPath(
    os.path.join(basedir, "twistd.log"), rotateLength=rotateLength,
    maxRotatedFiles=maxRotatedFiles)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)

buildmaster_host = 'master.example'
port = 9989
slavename = 'bot1'
passwd = 'pass1'
keepalive = 600
usepty = 1
umask = 0o22
maxdelay = 300
numcpus = None
allow_shutdown = 'signal'

s = BuildSlave(buildmaster_host, port, slavename, passwd, basedir,
               keepalive, usepty, umask=umask, maxdelay=maxdelay,
               numcpus=numcpus, allow_shutdown=allow_shutdown)
s.setServiceParent(application)
