"""Codebase branches in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class CodebaseBranchModel(Internal):
    """One row: a codebase branch."""


class CodebaseBranchConnectorComponent(DBConnectorComponent):
    """Reads and writes codebase branch."""
