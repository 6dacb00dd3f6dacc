import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
x = (1,)
for i in '0123456789': 
  for j in '0123456789': x = (x, x)
