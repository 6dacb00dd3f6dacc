"""Timers and calls from threads, on the loop of the configuration host."""

import threading
import time

from buildbot._host.loop import loop
from twisted.internet.error import AlreadyCalled, AlreadyCancelled


class DelayedCall:
    """A call that will be made later."""

    def __init__(self, when, func, args, kw, changed):
        self.time = when
        self.func = func
        self.args = args
        self.kw = kw
        self.cancelled = False
        self.called = False
        self._changed = changed

    def getTime(self):
        return self.time

    def active(self):
        return not (self.cancelled or self.called)

    def _check(self):
        if self.cancelled:
            raise AlreadyCancelled
        if self.called:
            raise AlreadyCalled

    def cancel(self):
        self._check()
        self.cancelled = True

    def reset(self, secondsFromNow):
        self._check()
        self.time = loop.now() + secondsFromNow
        self._changed(self)

    def delay(self, secondsLater):
        self._check()
        self.time += secondsLater
        self._changed(self)

    def __call__(self):
        if self.cancelled or self.called:
            return
        if loop.now() < self.time:
            self._changed(self)
            return
        self.called = True
        self.func(*self.args, **self.kw)


class _Reactor:
    running = True

    def seconds(self):
        return loop.now()

    def callLater(self, delay, callable, *args, **kw):
        call = DelayedCall(loop.now() + delay, callable, args, kw, self._schedule)
        self._schedule(call)
        return call

    @staticmethod
    def _schedule(call):
        loop.call_at(call.time, call)

    def getDelayedCalls(self):
        return [c for c in loop.timed_calls() if isinstance(c, DelayedCall) and c.active()]

    def callFromThread(self, callable, *args, **kw):
        loop.call_soon(lambda: callable(*args, **kw))

    def callWhenRunning(self, callable, *args, **kw):
        self.callLater(0, callable, *args, **kw)

    def callInThread(self, callable, *args, **kw):
        def work():
            try:
                callable(*args, **kw)
            except Exception:
                from twisted.python import log

                log.err()

        threading.Thread(target=work, daemon=True).start()

    def suggestThreadPoolSize(self, size):
        pass

    def getThreadPool(self):
        return None

    def addSystemEventTrigger(self, phase, eventType, callable, *args, **kw):
        if eventType == "startup":
            self.callWhenRunning(callable, *args, **kw)
        return (phase, eventType, callable)

    def removeSystemEventTrigger(self, triggerID):
        pass

    def run(self, installSignalHandlers=True):
        loop.run_until_stopped()

    def stop(self):
        loop.stop()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"reactor.{name}: what stands in for Twisted has no such method; "
            "install Twisted: pip install twisted"
        )


def sleep_until(moment):
    time.sleep(max(0, moment - loop.now()))
