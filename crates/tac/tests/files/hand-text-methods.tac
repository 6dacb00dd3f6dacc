import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
t = '  A,b,,C  '
parts = t.strip().split(',')
u = ' a  b c '.split(None, 1)
v = 'a.b.c'.rsplit('.', 1)[0] + 'x'.join(['1', '2', '3']) + '7'.zfill(3) + '-7'.zfill(4)
w = 'abcabc'.replace('b', '--') + str('abc'.find('c')) + str('aXaXa'.count('X')) + 'pre-x'.removeprefix('pre-') + 'x.y'.removesuffix('.y')
x = 'k=v=w'.rpartition('=')[2] + 'none'.partition('=')[0] + str('12'.isdigit()) + str('one\r\ntwo\n'.splitlines())
y = 'xxhixx'.strip('x') + 'xxhi'.lstrip('x') + 'hixx '.rstrip('x ')
Worker(parts[0].lower(), 9989, str(parts) + str(u) + v + w, x + y, '/b', 600).setServiceParent(application)
