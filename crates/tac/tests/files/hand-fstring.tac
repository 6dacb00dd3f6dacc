import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
n = 5
host = 'a'
Worker(f'{host}.example', 9989, f'bot{n:03d}-{host!r:>5}-{n + 1}' " tail", f"{host.upper()}{'b' if n > 3 else 'c'}{{x}}", '/b', 600).setServiceParent(application)
