"""Runs a function once when it is called many times in a short time."""

from __future__ import annotations

import functools

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer log")

PH_IDLE = 0
PH_WAITING = 1
PH_RUNNING = 2
PH_RUNNING_QUEUED = 3


class Debouncer:
    """Waits after a call, then runs the function; calls while it runs make it run once more."""

    __slots__ = [
        "completeDeferreds",
        "function",
        "get_reactor",
        "phase",
        "stopped",
        "timer",
        "until_idle",
        "wait",
    ]

    def __init__(self, wait, function, get_reactor, until_idle):
        self.phase = PH_IDLE
        self.timer = None
        self.wait = wait
        self.function = function
        self.stopped = False
        self.completeDeferreds = []
        self.get_reactor = get_reactor
        self.until_idle = until_idle

    def __call__(self):
        if self.stopped:
            return
        if self.phase == PH_IDLE:
            self._wait()
        elif self.phase == PH_WAITING and self.until_idle:
            self.timer.cancel()
            self._wait()
        elif self.phase == PH_RUNNING:
            self.phase = PH_RUNNING_QUEUED

    def __repr__(self):
        return f"<debounced {self.function!r}, wait={self.wait!r}, phase={self.phase}>"

    def _wait(self):
        self.timer = self.get_reactor().callLater(self.wait, self.invoke)
        self.phase = PH_WAITING

    def invoke(self):
        """Runs the function now."""
        self.phase = PH_RUNNING
        self.timer = None
        run = defer_module().maybeDeferred(self.function)
        run.addErrback(self._log)
        run.addBoth(self._finished)

    def _log(self, failure):
        from twisted.python import log

        log.err(failure, "from debounced function:")

    def _finished(self, _):
        queued = self.phase == PH_RUNNING_QUEUED
        self.phase = PH_IDLE
        if queued:
            self._wait()
            if self.stopped:
                # what was asked for before the end is still done, at once
                self.timer.cancel()
                self.invoke()
                return
        waiting, self.completeDeferreds = self.completeDeferreds, []
        for one in waiting:
            one.callback(None)

    def start(self):
        self.stopped = False

    def stop(self):
        """A Deferred that fires when nothing runs any more; what waited is run at once."""
        self.stopped = True
        if self.phase == PH_WAITING:
            self.timer.cancel()
            self.invoke()
        if self.phase in (PH_RUNNING, PH_RUNNING_QUEUED):
            done = defer_module().Deferred()
            self.completeDeferreds.append(done)
            return done
        return defer_module().succeed(None)


class _Descriptor:
    """Makes a `Debouncer` for each object at the first use."""

    def __init__(self, fn, wait, attrName, get_reactor, until_idle):
        self.fn = fn
        self.wait = wait
        self.attrName = attrName
        self.get_reactor = get_reactor
        self.until_idle = until_idle

    def __get__(self, instance, cls):
        made = instance.__dict__.get(self.attrName)
        if made is None:
            made = Debouncer(
                self.wait,
                functools.partial(self.fn, instance),
                functools.partial(self.get_reactor, instance),
                self.until_idle,
            )
            instance.__dict__[self.attrName] = made
        return made


def _get_reactor_from_master(o):
    return o.master.reactor


def method(wait, until_idle=False, get_reactor=_get_reactor_from_master):
    """Decorates a method that may be called often and runs seldom."""

    def decorate(fn):
        name = f"__debounce_{fn.__name__}__"
        return _Descriptor(fn, wait, name, get_reactor, until_idle)

    return decorate
