"""Real locks of the accesses that a configuration names."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer")


@runtime.inline
def get_real_locks_from_accesses_raw(locks, props, builder, workerforbuilder, config_version):
    """(lock, access) pairs; `locks` may be renderable."""
    accesses = yield props.render(locks)
    pairs = []
    for access in accesses or ():
        if not hasattr(access, "lockid") and hasattr(access, "defaultAccess"):
            access = access.defaultAccess()
        lock = yield builder.botmaster.getLockFromLockAccess(access, config_version)
        worker = getattr(workerforbuilder, "worker", None)
        if worker is not None and hasattr(lock, "getLockForWorker"):
            lock = lock.getLockForWorker(worker.workername)
        pairs.append((lock, access))
    return pairs


def get_real_locks_from_accesses(locks, build):
    return get_real_locks_from_accesses_raw(
        locks, build, build.builder, build.workerforbuilder, build.config_version
    )
