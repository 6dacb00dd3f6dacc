import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
passwords = {'n': 'secret', 'other': 'x'}
name = 'n'
Worker('h', 9989, name, passwords[name] + passwords.get('zz', '!') + str('n' in passwords), '/b', 600).setServiceParent(application)
