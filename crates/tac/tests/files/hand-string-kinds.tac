import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
a = "double"
b = 'single'
c = """tri"ple
line"""
d = '''more 'of' it'''
e = r'raw\n' R"\'"
f = u'old'
g = 'ad' "jac" """ent"""
h = 'esc: \\ \' \" \a\b\f\n\r\t\v \101 \x41 \u0041 \U00000041 \d \
joined'
i = ''
j = rf'{a}\n' f"{b}{{}}"
Worker(a + b, 9989, c + d + e, f + g + h + i + j, '/b', 600).setServiceParent(application)
