"""Locks, files and lists."""

from __future__ import annotations

import functools
import os

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "Deferred DeferredLock reactor")


def deferredLocked(lock_or_attr):
    """Decorates a function so that its runs wait for each other: a lock, or its attribute."""

    def decorate(fn):
        @functools.wraps(fn)
        def locked(*args, **kwargs):
            lock = lock_or_attr
            if isinstance(lock, str):
                lock = getattr(args[0], lock)
            return lock.run(fn, *args, **kwargs)

        return locked

    return decorate


def cancelAfter(seconds, deferred, _reactor=None):
    """Cancels a Deferred that has not fired after so long; returns it."""
    if _reactor is None:
        from twisted.internet import reactor as _reactor
    timer = _reactor.callLater(seconds, deferred.cancel)

    def fired(result):
        if timer.active():
            timer.cancel()
        return result

    return deferred.addBoth(fired)


def writeLocalFile(path, contents, mode=None):
    """Writes a text; a new file has the mode from the start."""
    if mode is None:
        file = open(path, "w", encoding="utf-8")
    else:
        if os.path.exists(path):
            os.unlink(path)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode)
        file = os.fdopen(descriptor, "w", encoding="utf-8")
    with file:
        file.write(contents)


def chunkify_list(l, chunk_size):  # noqa: E741
    """The list in parts of at least one element."""
    size = max(1, chunk_size)
    return (l[start : start + size] for start in range(0, len(l), size))
