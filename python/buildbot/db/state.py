"""State that services keep in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class ObjDict(Internal):
    """Inside the master: obj dict."""


class StateConnectorComponent(DBConnectorComponent):
    """Reads and writes state."""
