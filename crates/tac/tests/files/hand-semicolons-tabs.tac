import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
if True:
	port = 1; host = 'h';
	if port:
		name = 'n'
Worker(host, port, name, 'p', '/b', 600).setServiceParent(application)
