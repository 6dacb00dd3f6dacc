import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
# one

   # two, indented
if True:
  # three
    pass
  # four

Worker('h', 9989, 'n', 'p', '/b', 600).setServiceParent(application)
