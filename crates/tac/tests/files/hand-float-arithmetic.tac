import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
values = [1e16 % 0.1, -7.5 % 2, 7.5 % -2, 3.14 // 0.1, -1.0 // 3, 0.0 % -1.0]
name = '{:8}|{:<6}|{:+}|{:06}'.format(1.5, 2.0, 1e20, -0.5)
Worker('h', 9989, name, str(values), '/b', 600).setServiceParent(application)
