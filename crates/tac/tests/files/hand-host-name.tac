import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
import socket
import platform as p
from os import uname, environ as env, path
import os.path as op
Worker('h', 9989, socket.gethostname().split('.')[0] + p.node() + uname()[1] + os.uname().nodename + env.get('X', '-'), 'p', op.join('/b', path.basename('/c/d')), 600).setServiceParent(application)
