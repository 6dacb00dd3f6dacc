import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
from io import open
with open(os.path.join(os.path.dirname(__file__), 'password.txt'), 'r', encoding='utf-8') as source:
    first = source.readline().strip('\r\n')
    rest = source.readlines()
Worker('h', 9989, 'n', first + str(len(rest)), '/b', 600).setServiceParent(application)
