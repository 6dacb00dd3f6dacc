"""Lets code of ours wait for Deferreds without needing Twisted when nothing is waited for.

What may have to wait is written as a generator that yields Deferreds or coroutines and receives
their results. Run to its end without meeting a pending one it costs no import at all.
"""

from __future__ import annotations

import sys
from types import CoroutineType


def defer_module():
    """``twisted.internet.defer``, the real one or the stand-in."""
    module = sys.modules.get("twisted.internet.defer")
    if module is None:
        from buildbot._host import standin

        standin.install()
        from twisted.internet import defer as module
    return module


def is_pending(value):
    """Whether `value` has to be awaited: a Deferred or a coroutine."""
    kind = type(value)
    return kind is CoroutineType or hasattr(kind, "addCallbacks")


class _Waiting:
    """A generator that is being run to its end."""

    __slots__ = ("generator", "target", "current")

    def __init__(self, generator):
        self.generator = generator
        self.target = None
        self.current = None

    def advance(self, value, failure=None):
        """Runs on with `value`. Returns (True, result), or (False, None) when it has to wait."""
        generator = self.generator
        while True:
            try:
                if failure is None:
                    awaited = generator.send(value)
                else:
                    error, failure = failure, None
                    awaited = generator.throw(error)
            except StopIteration as stop:
                return True, stop.value
            if not is_pending(awaited):
                value = awaited
                continue
            if type(awaited) is CoroutineType:
                awaited = defer_module().ensureDeferred(awaited)
            answer = []
            awaited.addBoth(self.arrived, answer)
            if not answer:
                answer.append(self)
                self.current = awaited
                return False, None
            value = answer[0]
            if _is_failure(value):
                value, failure = None, value.value

    def arrived(self, value, answer):
        if not answer:
            answer.append(value)
            return None
        self.current = None
        failure = None
        if _is_failure(value):
            value, failure = None, value.value
        try:
            done, result = self.advance(value, failure)
        except BaseException as error:
            self.target.errback(error) if isinstance(error, Exception) else self.target.errback()
            if not isinstance(error, Exception):
                raise
        else:
            if done:
                self.target.callback(result)
        return None

    def cancel(self, _deferred):
        if self.current is not None:
            self.current.cancel()


def _is_failure(value):
    module = sys.modules.get("twisted.python.failure")
    return module is not None and isinstance(value, module.Failure)


def settle(generator):
    """Runs `generator`: its result (or exception) when nothing is pending, else a Deferred."""
    waiting = _Waiting(generator)
    done, result = waiting.advance(None)
    if done:
        return result
    waiting.target = defer_module().Deferred(waiting.cancel)
    return waiting.target


def deferred(generator):
    """Runs `generator`; always returns a Deferred, with every failure as its errback."""
    defer = defer_module()
    try:
        result = settle(generator)
    except Exception:
        return defer.fail()
    return result if is_pending(result) else defer.succeed(result)
