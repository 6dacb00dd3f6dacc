"""Lets several wait for one thing."""

from __future__ import annotations

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "Deferred")


class Notifier:
    """Hands out Deferreds and fires all of them at once. True while somebody waits."""

    def __init__(self):
        self._waiters = []

    def wait(self):
        waiter = defer_module().Deferred()
        self._waiters.append(waiter)
        return waiter

    def notify(self, result):
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(result)

    def __bool__(self):
        return bool(self._waiters)
