
from twisted.application import service
try:
    from buildslave.bot import BuildSlave
except ImportError:
    from buildbot.slave.bot import BuildSlave

import os.path
here = os.path.join(os.getcwd(), __file__)
basedir = os.path.abspath(os.path.dirname(here))
application = service.Application('buildslave')
BuildSlave('build.example', 10407, 'bencher', "Qn9iYW+CRE", basedir, 600, 0, umask=None).setServiceParent(application)
