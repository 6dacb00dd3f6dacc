"""Codebases in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class CodebaseModel(Internal):
    """One row: a codebase."""


class CodebasesConnectorComponent(DBConnectorComponent):
    """Reads and writes codebases."""
