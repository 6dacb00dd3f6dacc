import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
port: int = 9989
host: str = 'h'
Worker(host, port, 'n', 'p', '/b', 600).setServiceParent(application)
