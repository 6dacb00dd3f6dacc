"""Sourcestamps in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent


class PatchModel(Internal):
    """One row: a patch."""


class SourceStampModel(Internal):
    """One row: a source stamp."""


class SourceStampsConnectorComponent(DBConnectorComponent):
    """Reads and writes source stamps."""


SsDict = function(__name__, "SsDict")
