"""Builds in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class BuildModel(Internal):
    """One row: a build."""


class BuildsConnectorComponent(DBConnectorComponent):
    """Reads and writes builds."""
