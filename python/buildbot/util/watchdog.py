"""Calls a function when nothing was heard for a while."""

from __future__ import annotations


class Watchdog:
    def __init__(self, reactor, fn, timeout):
        self._reactor = reactor
        self._fn = fn
        self._timeout = timeout
        self._delayed_call = None

    def _timed_out(self):
        self._delayed_call = None
        self._fn()

    def start(self):
        self._delayed_call = self._reactor.callLater(self._timeout, self._timed_out)

    def stop(self):
        if self._delayed_call is not None:
            self._delayed_call.cancel()

    def notify(self):
        """Something was heard."""
        if self._delayed_call is not None:
            self._delayed_call.cancel()
            self.start()
