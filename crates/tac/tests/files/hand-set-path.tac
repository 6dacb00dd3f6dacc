#: SET=yes
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
os.environ['PATH'] = '/opt/bin' + os.pathsep + os.environ.get('PATH', '')
os.environ.setdefault('LANG', 'C')
os.environ.setdefault('SET', 'no')
os.environ.update({'U': 'v'})
Worker('h', 9989, 'n', 'p', '/b', 600).setServiceParent(application)
