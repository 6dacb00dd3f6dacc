"""Codebase branches in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class CodebaseBranchModel(Row):
    """One row: a codebase branch."""

    id: int
    codebaseid: int
    name: str
    commitid: int | None
    last_timestamp: int


class CodebaseBranchConnectorComponent(DBConnectorComponent):
    """Reads and writes codebase branch."""
