
import os
from buildbot_worker.bot import Worker as BuildSlave
from twisted.application import service
basedir = '/srv/slave'
application = service.Application('buildbot-worker')
usepty = 1
s = BuildSlave('h', 9989, 'n', 'p', basedir, 600, usepty, umask=None)
s.setServiceParent(application)
