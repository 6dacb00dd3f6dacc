"""Locks that builders, steps and workers share."""

from __future__ import annotations

from buildbot._host.compare import ComparableMixin
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded


class LockAccess(ComparableMixin, Described):
    """How a lock is to be held: ``counting`` with a count, or ``exclusive``."""

    compare_attrs = ("lockid", "mode", "count")

    @recorded
    def __init__(self, lockid, mode, count=1):
        self.lockid = lockid
        self.mode = mode
        self.count = count
        _check(isinstance(lockid, (MasterLock, WorkerLock)))
        _check(mode in ("counting", "exclusive"))
        _check(isinstance(count, int))
        _check(count == 1 if mode == "exclusive" else count >= 0)


def _check(right):
    if not right:
        raise AssertionError


class BaseLockId(ComparableMixin, Described):
    """Names a lock; the lock itself lives in the master."""

    def access(self, mode, count=1):
        return LockAccess(self, mode, count)

    def defaultAccess(self):
        """How a lock is held that stands in a list of locks by itself."""
        return self.access("counting")


class MasterLock(BaseLockId):
    """One lock for the whole master."""

    compare_attrs = ("name", "maxCount")

    @recorded
    def __init__(self, name, maxCount=1):
        self.name = name
        self.maxCount = maxCount


class WorkerLock(BaseLockId):
    """One lock on each worker."""

    compare_attrs = ("name", "maxCount", "_maxCountForWorkerList")

    @recorded
    def __init__(self, name, maxCount=1, maxCountForWorker=None):
        self.name = name
        self.maxCount = maxCount
        self.maxCountForWorker = {} if maxCountForWorker is None else maxCountForWorker
        self._maxCountForWorkerList = tuple(sorted(self.maxCountForWorker.items()))


_IN_MASTER = {
    "BaseLock": lambda self, name, maxCount=1: None,
    "RealMasterLock": lambda self, name: None,
    "RealWorkerLock": lambda self, name: None,
}


_elsewhere = elsewhere(__name__, "defer eventually log service subscription util")


def __getattr__(name):
    if name in _IN_MASTER:
        from buildbot._host.internal import Internal

        cls = type(name, (Internal,), {"__module__": __name__, "__init__": _IN_MASTER[name]})
        globals()[name] = cls
        return cls
    return _elsewhere(name)
