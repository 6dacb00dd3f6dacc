import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
if __name__ == '__main__':
    port = 1
else:
    port = 2
Worker('h', port, 'n', 'p', '/b', 600).setServiceParent(application)
