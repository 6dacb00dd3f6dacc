"""Codebase commits in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class CodebaseCommitModel(Internal):
    """One row: a codebase commit."""


class CommonCommitInfo(Internal):
    """Inside the master: common commit info."""


class CodebaseCommitCache(Internal):
    """Inside the master: codebase commit cache."""


class CodebaseCommitsConnectorComponent(DBConnectorComponent):
    """Reads and writes codebase commits."""
