import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
passwd = None
for line in open('password.txt'):
    key, sep, value = line.partition('=')
    if sep and key.strip() == 'token':
        passwd = value.strip()
        break
Worker('h', 9989, 'n', passwd, '/b', 600).setServiceParent(application)
