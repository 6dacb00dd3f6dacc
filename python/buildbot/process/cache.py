"""What code of users reaches as `master.caches`."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "lru service")


class CacheManager:
    """Makes caches by name."""

    DEFAULT_CACHE_SIZE = 1
    name = "caches"

    def __init__(self):
        self.config = {}
        self._caches = {}

    def get_cache(self, cache_name, miss_fn):
        """The cache of this name; what it does not hold it gets of `miss_fn(key)`."""
        cache = self._caches.get(cache_name)
        if cache is None:
            from buildbot.util.lru import AsyncLRUCache

            size = self.config.get(cache_name, self.DEFAULT_CACHE_SIZE)
            cache = self._caches[cache_name] = AsyncLRUCache(miss_fn, size)
        return cache

    def reconfigServiceWithBuildbotConfig(self, new_config):
        self.config = new_config.caches
        for name, cache in self._caches.items():
            cache.set_max_size(self.config.get(name, self.DEFAULT_CACHE_SIZE))

    def get_metrics(self):
        return {
            name: {
                "max_size": cache.max_size,
                "hits": cache.hits,
                "refhits": cache.refhits,
                "misses": cache.misses,
            }
            for name, cache in self._caches.items()
        }
