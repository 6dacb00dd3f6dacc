import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
t = 'abcdef'
l = [1, 2, 3, 4]
Worker(t[1:3] + t[:-4] + t[4:] + t[:] + t[-100:100], l[1:2][0] + 9, str(l[2:]), t[-1] + t[0], '/b', 600).setServiceParent(application)
