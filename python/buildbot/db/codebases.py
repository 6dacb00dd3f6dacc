"""Codebases in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class CodebaseModel(Row):
    """One row: a codebase."""

    id: int
    projectid: int
    name: str
    slug: str


class CodebasesConnectorComponent(DBConnectorComponent):
    """Reads and writes codebases."""
