import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
import multiprocessing
from multiprocessing import cpu_count as cpus
Worker('h', 9989, 'n', 'p', '/b', 600, numcpus=multiprocessing.cpu_count() + cpus() - os.cpu_count()).setServiceParent(application)
