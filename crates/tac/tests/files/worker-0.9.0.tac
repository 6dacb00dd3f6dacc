
import os

from buildbot_worker.bot import Worker
from twisted.application import service

basedir = '/srv/worker'
rotateLength = 10000000
maxRotatedFiles = 10

# '.' means the place of this file
if basedir == '.':
    import os.path
    basedir = os.path.abspath(os.path.dirname(__file__))

# recognised by its text
application = service.Application('buildbot-worker')

from twisted.python.logfile import LogFile
from twisted.python.log import ILogObserver, FileLogObserver
logfile = LogFile.fromFullPath(
    os.path.join(basedir, "twistd.log"), rotateLength=rotateLength,
    maxRotatedFiles=maxRotatedFiles)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)

buildmaster_host = 'master.example'
port = 9989
workername = 'bot1'
passwd = 'pass1'
keepalive = 600
usepty = 0
umask = None
maxdelay = 300
numcpus = None
allow_shutdown = None

s = Worker(buildmaster_host, port, workername, passwd, basedir,
           keepalive, usepty, umask=umask, maxdelay=maxdelay,
           numcpus=numcpus, allow_shutdown=allow_shutdown)
s.setServiceParent(application)
