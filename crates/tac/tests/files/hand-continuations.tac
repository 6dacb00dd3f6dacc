import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
port = 9000 + \
    989
name = ('a'
        'b'  # inside

        'c')
Worker('h', port, name, 'p', '/b', \
  600).setServiceParent(application)
