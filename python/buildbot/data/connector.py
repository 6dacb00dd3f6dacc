"""Where the parts of a master get and change data: the master's own, here by name only."""

from buildbot._host.internal import Internal


class Updates(Internal):
    """Inside the master: updates."""


class RTypes(Internal):
    """Inside the master: r types."""


class DataConnector(Internal):
    """Inside the master: data connector."""
