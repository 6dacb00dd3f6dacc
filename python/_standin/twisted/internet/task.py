"""Calls that are made later, or again and again."""

from twisted.internet import defer


def deferLater(clock, delay, callable=None, *args, **kw):
    def cancel(_):
        if delayed.active():
            delayed.cancel()

    d = defer.Deferred(cancel)
    if callable is not None:
        d.addCallback(lambda _: callable(*args, **kw))
    delayed = clock.callLater(delay, d.callback, None)
    return d


class LoopingCall:
    """Calls a function at equal intervals."""

    call = None
    running = False
    interval = None
    starttime = None
    deferred = None

    def __init__(self, f, *a, **kw):
        from twisted.internet import reactor

        self.f = f
        self.a = a
        self.kw = kw
        self.clock = reactor

    def start(self, interval, now=True):
        if self.running:
            raise AssertionError("Tried to start an already running LoopingCall.")
        if interval < 0:
            raise ValueError("interval must be >= 0")
        self.running = True
        self.interval = interval
        self.starttime = self.clock.seconds()
        d = self.deferred = defer.Deferred()
        if now:
            self()
        else:
            self._again()
        return d

    def stop(self):
        if not self.running:
            raise AssertionError("Tried to stop a LoopingCall that was not running.")
        self.running = False
        if self.call is not None:
            self.call.cancel()
            self.call = None
            self._end(self)

    def reset(self):
        if self.call is not None:
            self.call.cancel()
            self.starttime = self.clock.seconds()
            self._again()

    def _end(self, result):
        d, self.deferred = self.deferred, None
        if d is not None:
            d.callback(result)

    def _again(self):
        if self.interval == 0:
            delay = 0
        else:
            passed = self.clock.seconds() - self.starttime
            delay = self.interval - passed % self.interval
        self.call = self.clock.callLater(delay, self)

    def __call__(self):
        self.call = None
        d = defer.maybeDeferred(self.f, *self.a, **self.kw)
        d.addCallbacks(self._called, self._failed)

    def _called(self, _):
        if self.running:
            self._again()
        else:
            self._end(self)

    def _failed(self, failure):
        self.running = False
        d, self.deferred = self.deferred, None
        if d is not None:
            d.errback(failure)


class Clock:
    """A clock for tests: time passes when it is told to."""

    rightNow = 0.0

    def __init__(self):
        self.calls = []

    def seconds(self):
        return self.rightNow

    def callLater(self, when, what, *a, **kw):
        from twisted.internet._clock import DelayedCall

        call = _ClockCall(self.seconds() + when, what, a, kw, lambda call: None)
        self.calls.append(call)
        assert isinstance(call, DelayedCall)
        return call

    def getDelayedCalls(self):
        return [call for call in self.calls if call.active()]

    def advance(self, amount):
        self.rightNow += amount
        while True:
            due = [c for c in self.calls if c.active() and c.time <= self.rightNow]
            if not due:
                break
            call = min(due, key=lambda c: c.time)
            call.called = True
            call.func(*call.args, **call.kw)
        self.calls = [call for call in self.calls if call.active()]


def _clock_call():
    from twisted.internet._clock import DelayedCall

    class _Call(DelayedCall):
        pass

    return _Call


_ClockCall = _clock_call()


def cooperate(iterator):
    raise NotImplementedError(
        "task.cooperate: what stands in for Twisted has no such function; "
        "install Twisted: pip install twisted"
    )
