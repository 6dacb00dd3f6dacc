import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
url = 'master.example:1234'.split(':')
Worker(url[0], int(url[1]), url[-2].upper().lower()[1:4], 'p' * 3, '/b', 600).setServiceParent(application)
