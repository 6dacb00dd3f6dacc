"""Workers in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class BuilderMasterModel(Internal):
    """One row: a builder master."""


class WorkerModel(Internal):
    """One row: a worker."""


class WorkersConnectorComponent(DBConnectorComponent):
    """Reads and writes workers."""
