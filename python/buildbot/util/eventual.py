"""Calls functions a little later, in order."""

from __future__ import annotations

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer log reactor")


class _SimpleCallQueue:
    """Runs what was put into it at the next turn of the reactor."""

    _reactor = None

    def __init__(self):
        self._events = []
        self._flushObservers = []
        self._timer = None
        self._in_turn = False

    def _clock(self):
        if self._reactor is not None:
            return self._reactor
        from twisted.internet import reactor

        return reactor

    def append(self, cb, args, kwargs):
        self._events.append((cb, args, kwargs))
        if self._timer is None:
            self._timer = self._clock().callLater(0, self._turn)

    def _turn(self):
        self._timer = None
        self._in_turn = True
        events, self._events = self._events, []
        for callback, args, kwargs in events:
            try:
                callback(*args, **kwargs)
            except Exception:
                from twisted.python import log

                log.err()
        self._in_turn = False
        if self._events and self._timer is None:
            self._timer = self._clock().callLater(0, self._turn)
        if not self._events:
            observers, self._flushObservers = self._flushObservers, []
            for observer in observers:
                observer.callback(None)

    def flush(self):
        """A Deferred that fires when nothing is left."""
        if not self._events and not self._in_turn:
            return defer_module().succeed(None)
        waiting = defer_module().Deferred()
        self._flushObservers.append(waiting)
        return waiting


_theSimpleQueue = _SimpleCallQueue()


def eventually(cb, *args, **kwargs):
    _theSimpleQueue.append(cb, args, kwargs)


def fireEventually(value=None):
    later = defer_module().Deferred()
    eventually(later.callback, value)
    return later


def flushEventualQueue(_ignored=None):
    return _theSimpleQueue.flush()


def _setReactor(r=None):
    """For tests: the clock to use, None for the real one."""
    _theSimpleQueue._reactor = r
