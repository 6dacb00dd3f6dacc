"""Values that a service keeps across restarts of the master."""

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer")


class StateMixin:
    """Stores values by name in the database, for the name and the class of the service."""

    _objectid = None

    @by_master
    def getState(self, *args, **kwargs): ...

    @by_master
    def setState(self, key, value): ...
