"""Sorts by keys that take a while to get."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.util.twisted import async_to_deferred

__getattr__ = elsewhere(__name__, "defer")


@async_to_deferred
async def async_sort(l, key, max_parallel=10):  # noqa: E741
    """Sorts the list itself; at most so many keys are asked for at the same time."""
    from buildbot._host.deferreds import defer_module

    defer = defer_module()
    semaphore = defer.DeferredSemaphore(max_parallel)
    asked = [semaphore.run(key, one) for one in l]
    try:
        keys = await defer.gatherResults(asked)
    except defer.FirstError as problem:
        for one in asked:
            one.addErrback(lambda _: None)
        raise problem.subFailure.value from None
    in_order = sorted(range(len(keys)), key=lambda index: keys[index])
    l[:] = [l[index] for index in in_order]
