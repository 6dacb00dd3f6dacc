"""Builders in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class BuilderModel(Internal):
    """One row: a builder."""


class BuildersConnectorComponent(DBConnectorComponent):
    """Reads and writes builders."""
