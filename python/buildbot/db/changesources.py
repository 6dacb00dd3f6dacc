"""Changesources in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class ChangeSourceAlreadyClaimedError(Exception):
    """Raised by the database."""


class ChangeSourceModel(Internal):
    """One row: a change source."""


class ChangeSourcesConnectorComponent(DBConnectorComponent):
    """Reads and writes change sources."""
