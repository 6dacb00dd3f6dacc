#: WORKERPASS=p
#: WORKERNAME=w
import os
import sys
from twisted.application import service
from twisted.logger import FilteringLogObserver
from twisted.logger import ILogObserver
from twisted.logger import LogLevelFilterPredicate
from twisted.logger import textFileLogObserver
from buildbot_worker.bot import Worker

basedir = os.path.abspath(os.path.dirname(__file__))
application = service.Application("buildbot-worker")
application.setComponent(
    ILogObserver,
    FilteringLogObserver(
        textFileLogObserver(sys.stdout), predicates=[LogLevelFilterPredicate()]
    ),
)
buildmaster_host = os.environ.get("BUILDMASTER", "localhost")
port = int(os.environ.get("BUILDMASTER_PORT", 9989))
passwd = os.environ["WORKERPASS"]
print(f">>> BUILDMASTER: {buildmaster_host}")
print(f">>> PORT: {port!r:>8}", "twice", 2)
s = Worker(buildmaster_host, port, os.environ["WORKERNAME"], passwd, basedir, 600)
s.setServiceParent(application)
