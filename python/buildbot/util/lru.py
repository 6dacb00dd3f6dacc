"""Caches that forget what was used least recently, but never what somebody still holds."""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakValueDictionary

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer log")

inv_failed = False


class LRUCache:
    """Values by key; `miss_fn(key, …)` makes those that are not there."""

    __slots__ = [
        "max_size",
        "max_queue",
        "miss_fn",
        "cache",
        "weakrefs",
        "hits",
        "refhits",
        "misses",
    ]
    sentinel = object()
    QUEUE_SIZE_FACTOR = 10

    def __init__(self, miss_fn, max_size=50):
        self.max_size = max_size
        self.max_queue = max_size * self.QUEUE_SIZE_FACTOR
        self.miss_fn = miss_fn
        self.cache = OrderedDict()
        self.weakrefs = WeakValueDictionary()
        self.hits = self.refhits = self.misses = 0

    @property
    def queue(self):
        """The keys, the one used least recently first."""
        return list(self.cache)

    def put(self, key, value):
        """A value that is known without asking."""
        self._keep(key, value)
        self._purge()

    def get(self, key, **miss_fn_kwargs):
        found = self._get_hit(key)
        if found is not self.sentinel:
            return found
        self.misses += 1
        made = self.miss_fn(key, **miss_fn_kwargs)
        if made is not None:
            self._keep(key, made)
            self._purge()
        return made

    def keys(self):
        return list(self.cache)

    def set_max_size(self, max_size):
        if self.max_size == max_size:
            return
        self.max_size = max_size
        self.max_queue = max_size * self.QUEUE_SIZE_FACTOR
        self._purge()

    def inv(self):
        """Nothing can disagree: keys and their order are one thing here."""

    def _keep(self, key, value):
        self.cache[key] = value
        self.cache.move_to_end(key)
        self.weakrefs[key] = value

    def _get_hit(self, key):
        if key in self.cache:
            self.hits += 1
            self.cache.move_to_end(key)
            return self.cache[key]
        value = self.weakrefs.get(key)
        if value is None:
            return self.sentinel
        self.refhits += 1
        self._keep(key, value)
        return value

    def _purge(self):
        while len(self.cache) > self.max_size:
            self.cache.popitem(last=False)


class AsyncLRUCache(LRUCache):
    """The same with Deferreds; several who ask for one key wait for one answer."""

    __slots__ = ["concurrent"]

    def __init__(self, miss_fn, max_size=50):
        super().__init__(miss_fn, max_size=max_size)
        self.concurrent = {}

    def get(self, key, **miss_fn_kwargs):
        defer = defer_module()
        if key in self.concurrent:
            self.hits += 1
            waiter = defer.Deferred()
            self.concurrent[key].append(waiter)
            return waiter
        found = self._get_hit(key)
        if found is not self.sentinel:
            return defer.succeed(found)
        self.misses += 1
        waiter = defer.Deferred()
        self.concurrent[key] = [waiter]

        def answered(value):
            failed = hasattr(value, "getErrorMessage")
            if not failed and value is not None:
                self._keep(key, value)
                self._purge()
            for one in self.concurrent.pop(key):
                one.errback(value) if failed else one.callback(value)

        defer.maybeDeferred(self.miss_fn, key, **miss_fn_kwargs).addBoth(answered)
        return waiter
