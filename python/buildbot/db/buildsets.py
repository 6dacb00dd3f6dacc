"""Buildsets in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class BsProps(Internal):
    """Inside the master: bs props."""


class AlreadyCompleteError(RuntimeError):
    """Raised by the database."""


class BuildSetModel(Internal):
    """One row: a build set."""


class BuildsetsConnectorComponent(DBConnectorComponent):
    """Reads and writes buildsets."""
