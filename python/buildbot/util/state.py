"""Values that a service keeps across restarts of the master."""

from buildbot._host.by_master import by_master


class StateMixin:
    """Stores values by name in the database, for the name and the class of the service."""

    _objectid = None

    @by_master
    def getState(self, *args, **kwargs): ...

    @by_master
    def setState(self, key, value): ...
