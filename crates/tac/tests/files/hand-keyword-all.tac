import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker(buildmaster_host='h', port=9989, name='n', passwd='p', basedir='/b', keepalive=600, keepaliveTimeout=20, umask=0o77, maxdelay=30.5, numcpus=4, unicode_encoding='latin-1', protocol='pb', useTls=1, allow_shutdown='signal', maxRetries=5, connection_string=None, path=None, delete_leftover_dirs=1, proxy_connection_string='tcp:p:1').setServiceParent(application)
