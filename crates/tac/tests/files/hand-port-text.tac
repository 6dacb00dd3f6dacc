import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker('h', ' 9_989 ', 'n', 'p', '/b', 60 * 10).setServiceParent(application)
