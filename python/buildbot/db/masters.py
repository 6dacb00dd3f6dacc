"""Masters in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent


class MasterModel(Internal):
    """One row: a master."""


class MastersConnectorComponent(DBConnectorComponent):
    """Reads and writes masters."""


MasterDict = function(__name__, "MasterDict")
