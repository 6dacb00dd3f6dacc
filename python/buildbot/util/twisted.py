"""Coroutines where Deferreds are expected and the other way round."""

from __future__ import annotations

import functools

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere

_REAL_NAMES = ("InlineCallbacksType", "ThreadPool")


def async_to_deferred(fn):
    """Decorates a coroutine function: a call returns a Deferred and starts at once."""

    @functools.wraps(fn)
    def start(*args, **kwargs):
        defer = defer_module()
        try:
            return defer.ensureDeferred(fn(*args, **kwargs))
        except Exception as problem:
            return defer.fail(problem)

    return start


async def any_to_async(value):
    """Awaits a coroutine or a Deferred; any other value is the result itself."""
    if hasattr(value, "__await__"):
        return await value
    return value


_elsewhere = elsewhere(__name__, "defer reactor")


def __getattr__(name):
    if name not in _REAL_NAMES:
        return _elsewhere(name)
    if name == "InlineCallbacksType":
        from typing import Any

        value = Any
    else:
        value = _thread_pool()
    globals()[name] = value
    return value


def _thread_pool():
    from twisted.python import threadpool

    class ThreadPool(threadpool.ThreadPool):
        """A pool that stops with the reactor."""

        _stop_event = None

        def start(self):
            from twisted.internet import reactor

            super().start()
            self._stop_event = reactor.addSystemEventTrigger(
                "during", "shutdown", self._stop_on_shutdown
            )

        def _stop_on_shutdown(self):
            self._stop_impl(remove_trigger=False)

        def stop(self):
            self._stop_impl(remove_trigger=True)

        def _stop_impl(self, remove_trigger):
            from twisted.internet import reactor

            event, self._stop_event = self._stop_event, None
            if event is not None and remove_trigger:
                reactor.removeSystemEventTrigger(event)
            super().stop()

    ThreadPool.__module__ = __name__
    ThreadPool.__qualname__ = "ThreadPool"
    return ThreadPool
