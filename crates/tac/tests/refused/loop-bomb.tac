import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
a = '0123456789'
for i in a:
  for j in a:
    for k in a:
      for l in a:
        for m in a:
          for n in a:
            for o in a: x = i + j + k
