import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
name = 'n'
Worker('h', 9989, name, 'p', '/b', 600).setServiceParent(application)
