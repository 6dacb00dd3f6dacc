import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
port = 9000
port += 989
name = 'bot'
name += '-1'
name *= 2
mask = 0o20
mask |= 0o2
Worker('h', port, name, 'p', '/b', 600, umask=mask).setServiceParent(application)
