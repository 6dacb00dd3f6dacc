"""Data that steps store with builds: the master's own, here by name only."""

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent


class BuildDataModel(Internal):
    """One row: a build data."""


class BuildDataConnectorComponent(DBConnectorComponent):
    """Reads and writes build data."""


BuildDataDict = function(__name__, "BuildDataDict")
