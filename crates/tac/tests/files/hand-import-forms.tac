import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
import os, sys, os.path
from os.path import (
    join as j,
    dirname,
)
import twisted.python.log
import twisted.application.service as svc
import buildbot_worker.bot
s = buildbot_worker.bot.Worker('h', 9989, 'n', 'p', j('/b', dirname('x/y')), 600)
s.setServiceParent(application)
print('done', sys.platform, file=sys.stderr)
print()
print('a\nb', 1.0, None, [1, 'x'], (2,), {'k': True}, sep='|')
