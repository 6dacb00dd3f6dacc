"""Functions that are called in threads."""

from twisted.internet import defer, reactor
from twisted.python.failure import Failure


def deferToThread(f, *args, **kwargs):
    d = defer.Deferred()

    def work():
        try:
            result = f(*args, **kwargs)
        except BaseException:
            reactor.callFromThread(d.errback, Failure())
        else:
            reactor.callFromThread(d.callback, result)

    reactor.callInThread(work)
    return d


def deferToThreadPool(reactor, threadpool, f, *args, **kwargs):
    return deferToThread(f, *args, **kwargs)


def callMultipleInThread(tupleList):
    def work():
        for f, args, kwargs in tupleList:
            f(*args, **kwargs)

    reactor.callInThread(work)


def blockingCallFromThread(reactor, f, *a, **kw):
    import queue

    answers = queue.SimpleQueue()

    def call():
        defer.maybeDeferred(f, *a, **kw).addBoth(answers.put)

    reactor.callFromThread(call)
    result = answers.get()
    if isinstance(result, Failure):
        result.raiseException()
    return result
