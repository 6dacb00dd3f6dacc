"""Deferreds."""

import functools
import types

from twisted.python.failure import Failure

__all__ = [
    "AlreadyCalledError",
    "CancelledError",
    "Deferred",
    "DeferredList",
    "DeferredLock",
    "DeferredQueue",
    "DeferredSemaphore",
    "FAILURE",
    "FirstError",
    "QueueOverflow",
    "QueueUnderflow",
    "SUCCESS",
    "TimeoutError",
    "ensureDeferred",
    "execute",
    "fail",
    "gatherResults",
    "inlineCallbacks",
    "logError",
    "maybeDeferred",
    "passthru",
    "returnValue",
    "setDebugging",
    "succeed",
]

SUCCESS = True
FAILURE = False


class AlreadyCalledError(Exception):
    """A Deferred was given a second result."""


class CancelledError(Exception):
    """A Deferred was cancelled."""


class TimeoutError(Exception):
    """A Deferred's time is over."""


class QueueOverflow(Exception):
    pass


class QueueUnderflow(Exception):
    pass


class NotACoroutineError(TypeError):
    pass


def passthru(arg):
    return arg


def logError(err):
    from twisted.python import log

    log.err(err, None)
    return err


def setDebugging(on):
    pass


def getDebugging():
    return False


class Deferred:
    """A result that comes later, and what is to be done with it."""

    called = False
    paused = 0
    result = None
    debug = False

    def __init__(self, canceller=None):
        self.callbacks = []
        self._canceller = canceller
        self._cancelled = False
        self._running = False

    # What is to be done.

    def addCallbacks(
        self,
        callback,
        errback=None,
        callbackArgs=(),
        callbackKeywords=None,
        errbackArgs=(),
        errbackKeywords=None,
    ):
        self.callbacks.append(
            (
                (callback or passthru, callbackArgs or (), callbackKeywords or {}),
                (errback or passthru, errbackArgs or (), errbackKeywords or {}),
            )
        )
        if self.called:
            self._run()
        return self

    def addCallback(self, callback, *args, **kwargs):
        return self.addCallbacks(callback, None, args, kwargs)

    def addErrback(self, errback, *args, **kwargs):
        return self.addCallbacks(None, errback, (), None, args, kwargs)

    def addBoth(self, callback, *args, **kwargs):
        return self.addCallbacks(callback, callback, args, kwargs, args, kwargs)

    def chainDeferred(self, d):
        return self.addCallbacks(d.callback, d.errback)

    def addTimeout(self, timeout, clock, onTimeoutCancel=None):
        over = False

        def expire():
            nonlocal over
            over = True
            self.cancel()

        delayed = clock.callLater(timeout, expire)

        def convert(value):
            if over:
                if onTimeoutCancel is not None:
                    return onTimeoutCancel(value, timeout)
                if isinstance(value, Failure):
                    value.trap(CancelledError)
                    raise TimeoutError(timeout, "Deferred")
            return value

        def settled(value):
            if delayed.active():
                delayed.cancel()
            return value

        self.addBoth(convert)
        return self.addBoth(settled)

    # The result.

    def callback(self, result):
        if isinstance(result, Deferred):
            raise AssertionError("a Deferred cannot be the result of another")
        self._start(result)

    def errback(self, fail=None):
        if fail is None:
            fail = Failure()
        elif not isinstance(fail, Failure):
            fail = Failure(fail)
        self._start(fail)

    def cancel(self):
        if not self.called:
            canceller = self._canceller
            if canceller is not None:
                canceller(self)
            else:
                self._cancelled = True
            if not self.called:
                self.errback(Failure(CancelledError()))
        elif isinstance(self.result, Deferred):
            self.result.cancel()

    def pause(self):
        self.paused += 1

    def unpause(self):
        self.paused -= 1
        if not self.paused and self.called:
            self._run()

    def _start(self, result):
        if self.called:
            if self._cancelled:
                self._cancelled = False
                return
            raise AlreadyCalledError
        self.called = True
        self.result = result
        self._run()

    def _run(self):
        if self._running:
            return
        self._running = True
        try:
            while self.callbacks and not self.paused:
                failed = isinstance(self.result, Failure)
                function, args, kwargs = self.callbacks.pop(0)[failed]
                try:
                    result = function(self.result, *args, **kwargs)
                except BaseException:
                    result = Failure()
                self.result = result
                if isinstance(result, Deferred):
                    self._follow(result)
        finally:
            self._running = False

    def _follow(self, other):
        """Waits for the result of `other`, which a callback returned."""
        if other.called and not other.paused and not isinstance(other.result, Deferred):
            if not other._running:
                self.result = other.result
                other.result = None
                return
        self.paused += 1
        other.addBoth(self._followed)

    def _followed(self, result):
        self.result = result
        self.paused -= 1
        self._run()
        return None

    def __del__(self):
        if self.called and isinstance(self.result, Failure) and not self.paused:
            try:
                from twisted.python import log

                log.msg("Unhandled error in Deferred:")
                log.err(self.result)
            except Exception:
                pass

    def __repr__(self):
        if not self.called:
            state = ""
        elif isinstance(self.result, Deferred):
            state = f" waiting on Deferred at 0x{id(self.result):x}"
        else:
            state = f" current result: {self.result!r}"
        return f"<Deferred at 0x{id(self):x}{state}>"

    __str__ = __repr__

    # Coroutines.

    def __await__(self):
        # Whoever drives the coroutine sends the result in.
        return (yield self)

    __iter__ = __await__

    @classmethod
    def fromCoroutine(cls, coro):
        if not isinstance(coro, (types.CoroutineType, types.GeneratorType)):
            raise NotACoroutineError(f"{coro!r} is not a coroutine")
        return _drive(coro)

    def asFuture(self, loop):
        future = loop.create_future()

        def failed(failure):
            if not future.cancelled():
                future.set_exception(failure.value)

        def done(value):
            if not future.cancelled():
                future.set_result(value)

        self.addCallbacks(done, failed)
        return future

    @classmethod
    def fromFuture(cls, future):
        made = cls(lambda _: future.cancel())

        def done(settled):
            try:
                made.callback(settled.result())
            except BaseException:
                made.errback()

        future.add_done_callback(done)
        return made


def succeed(result):
    made = Deferred()
    made.callback(result)
    return made


def fail(result=None):
    made = Deferred()
    made.errback(result)
    return made


def execute(callable, *args, **kwargs):
    try:
        return succeed(callable(*args, **kwargs))
    except Exception:
        return fail()


def maybeDeferred(f, *args, **kwargs):
    try:
        result = f(*args, **kwargs)
    except BaseException:
        return fail()
    if isinstance(result, Deferred):
        return result
    if isinstance(result, Failure):
        return fail(result)
    if isinstance(result, types.CoroutineType):
        return Deferred.fromCoroutine(result)
    return succeed(result)


def ensureDeferred(coro):
    if isinstance(coro, Deferred):
        return coro
    if not isinstance(coro, (types.CoroutineType, types.GeneratorType)):
        raise NotACoroutineError(f"{coro!r} is not a coroutine or a Deferred")
    return _drive(coro)


# ----------------------------------------------------------------------- inlineCallbacks


class _Return(BaseException):
    def __init__(self, value):
        self.value = value


def returnValue(val):
    raise _Return(val)


class _Driver:
    """Runs a generator that yields Deferreds."""

    def __init__(self, generator):
        self.generator = generator
        self.waiting = None
        self.cancelled = False
        self.deferred = Deferred(self.cancel)

    def cancel(self, _deferred):
        self.cancelled = True
        if self.waiting is not None:
            self.waiting.cancel()

    def step(self, value):
        generator = self.generator
        while True:
            try:
                if isinstance(value, Failure):
                    value = value.throwExceptionIntoGenerator(generator)
                else:
                    value = generator.send(value)
            except StopIteration as stop:
                self.deferred.callback(stop.value)
                return
            except _Return as returned:
                self.deferred.callback(returned.value)
                return
            except BaseException:
                self.deferred.errback()
                return
            if isinstance(value, types.CoroutineType):
                value = Deferred.fromCoroutine(value)
            if not isinstance(value, Deferred):
                continue
            answer = []
            self.waiting = value
            value.addBoth(self.arrived, answer)
            if not answer:
                answer.append(self)
                return
            self.waiting = None
            value = answer[0]

    def arrived(self, value, answer):
        if not answer:
            answer.append(value)
        else:
            self.waiting = None
            self.step(value)


def _drive(generator):
    driver = _Driver(generator)
    driver.step(None)
    return driver.deferred


def inlineCallbacks(f):
    @functools.wraps(f)
    def begin(*args, **kwargs):
        try:
            generator = f(*args, **kwargs)
        except _Return:
            raise TypeError(
                f"inlineCallbacks requires {f!r} to produce a generator; instead it called "
                "returnValue in a function that is none"
            ) from None
        if not isinstance(generator, (types.GeneratorType, types.CoroutineType)):
            raise TypeError(
                f"inlineCallbacks requires {f!r} to produce a generator; "
                f"instead got {generator!r}"
            )
        return _drive(generator)

    return begin


# --------------------------------------------------------------------------------- many


class FirstError(Exception):
    """The first of several Deferreds that failed."""

    def __init__(self, failure, index):
        super().__init__(failure, index)
        self.subFailure = failure
        self.index = index

    def __repr__(self):
        return f"FirstError[#{self.index}, {self.subFailure}]"

    __str__ = __repr__


class DeferredList(Deferred):
    """The results of several Deferreds: a list of (succeeded, result)."""

    def __init__(
        self, deferredList, fireOnOneCallback=False, fireOnOneErrback=False, consumeErrors=False
    ):
        super().__init__()
        self._deferredList = list(deferredList)
        self.resultList = [None] * len(self._deferredList)
        self.finishedCount = 0
        self.fireOnOneCallback = fireOnOneCallback
        self.fireOnOneErrback = fireOnOneErrback
        self.consumeErrors = consumeErrors
        if not self._deferredList and not fireOnOneCallback:
            self.callback(self.resultList)
        for index, one in enumerate(self._deferredList):
            one.addCallbacks(
                self._one,
                self._one,
                callbackArgs=(index, SUCCESS),
                errbackArgs=(index, FAILURE),
            )

    def _one(self, result, index, succeeded):
        self.resultList[index] = (succeeded, result)
        self.finishedCount += 1
        if not self.called:
            if succeeded and self.fireOnOneCallback:
                self.callback((result, index))
            elif not succeeded and self.fireOnOneErrback:
                self.errback(Failure(FirstError(result, index)))
            elif self.finishedCount == len(self.resultList):
                self.callback(self.resultList)
        if not succeeded and self.consumeErrors:
            return None
        return result

    def cancel(self):
        if not self.called:
            for one in self._deferredList:
                one.cancel()


def gatherResults(deferredList, consumeErrors=False):
    """The results of several Deferreds, or the first failure."""
    all_of_them = DeferredList(deferredList, fireOnOneErrback=True, consumeErrors=consumeErrors)
    all_of_them.addCallback(lambda results: [result for _, result in results])
    return all_of_them


# --------------------------------------------------------------------------------- locks


class _ConcurrencyPrimitive:
    def __init__(self):
        self.waiting = []

    def _cancelAcquire(self, d):
        self.waiting.remove(d)

    def run(self, f, *args, **kwargs):
        def acquired(_):
            done = maybeDeferred(f, *args, **kwargs)
            return done.addBoth(released)

        def released(result):
            self.release()
            return result

        return self.acquire().addCallback(acquired)

    async def __aenter__(self):
        await self.acquire()
        return self

    async def __aexit__(self, exc_type, exc_value, exc_tb):
        self.release()
        return False


class DeferredLock(_ConcurrencyPrimitive):
    locked = False

    def acquire(self):
        d = Deferred(self._cancelAcquire)
        if self.locked:
            self.waiting.append(d)
        else:
            self.locked = True
            d.callback(self)
        return d

    def release(self):
        if not self.locked:
            raise AssertionError("Tried to release an unlocked lock")
        self.locked = False
        if self.waiting:
            self.locked = True
            self.waiting.pop(0).callback(self)


class DeferredSemaphore(_ConcurrencyPrimitive):
    def __init__(self, tokens):
        super().__init__()
        if tokens < 1:
            raise ValueError("DeferredSemaphore requires tokens >= 1")
        self.tokens = tokens
        self.limit = tokens

    def acquire(self):
        d = Deferred(self._cancelAcquire)
        if self.tokens:
            self.tokens -= 1
            d.callback(self)
        else:
            self.waiting.append(d)
        return d

    def release(self):
        if self.tokens >= self.limit:
            raise AssertionError("Someone released me too many times: too many tokens!")
        self.tokens += 1
        if self.waiting:
            self.tokens -= 1
            self.waiting.pop(0).callback(self)


class DeferredQueue:
    def __init__(self, size=None, backlog=None):
        self.waiting = []
        self.pending = []
        self.size = size
        self.backlog = backlog

    def put(self, obj):
        if self.waiting:
            self.waiting.pop(0).callback(obj)
        elif self.size is None or len(self.pending) < self.size:
            self.pending.append(obj)
        else:
            raise QueueOverflow()

    def get(self):
        if self.pending:
            return succeed(self.pending.pop(0))
        if self.backlog is None or len(self.waiting) < self.backlog:
            d = Deferred(self.waiting.remove)
            self.waiting.append(d)
            return d
        raise QueueUnderflow()
