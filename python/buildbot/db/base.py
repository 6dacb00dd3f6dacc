"""The base of what reads and writes the database."""

from buildbot._host.internal import Internal, NotInPython


class DBConnectorComponent(Internal):
    """Base of the parts of the database connection, one for each table."""

    connector = None
    data2db = {}

    def __init__(self, connector):
        self.db = connector


class Row:
    """Base of the classes of rows. Old code reads them like dictionaries."""

    def __getitem__(self, key):
        if isinstance(key, str) and not key.startswith("_") and hasattr(self, key):
            return getattr(self, key)
        raise KeyError(key)


class CachedMethod:
    """A method whose answers are kept in a cache of the master."""

    def __init__(self, cache_name, method):
        self.cache_name = cache_name
        self.method = method

    def get_cached_method(self, component):
        raise NotInPython(f"{self.method.__qualname__} is the master's own")


def cached(cache_name):
    """Decorates a method of a component so that its answers are kept."""
    return lambda method: CachedMethod(cache_name, method)
