import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker(keepalive=None, basedir='/b', passwd='p', name='n', port=9989, buildmaster_host='h').setServiceParent(application)
