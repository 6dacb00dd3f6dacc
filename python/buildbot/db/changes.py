"""Changes in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent


class ChangeModel(Internal):
    """One row: a change."""


class ChangesConnectorComponent(DBConnectorComponent):
    """Reads and writes changes."""


ChDict = function(__name__, "ChDict")
