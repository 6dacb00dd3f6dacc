#: HOME=/home/me/
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
here = os.path.dirname(os.path.realpath(__file__))
a = os.path.join(here, '..', 'x', '/abs', 'y', '')
b = os.path.normpath('/a/./b/../c//d')
c = os.path.expanduser('~/w')
d = os.path.basename('/a/b.txt')
e = os.path.isabs(a), os.path.exists('password.txt'), os.path.isfile('nothing'), os.path.isdir('.')
Worker(a, 9989, b + '|' + c + '|' + d + str(e), str(os.getcwd() == here) + os.sep + os.name, os.path.abspath('sub'), 600).setServiceParent(application)
