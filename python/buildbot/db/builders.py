"""Builders in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class BuilderModel(Row):
    """One row: a builder."""

    id: int
    name: str
    description: str | None = None
    description_format: str | None = None
    description_html: str | None = None
    projectid: int | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    masterids: list[int] = dataclasses.field(default_factory=list)


class BuildersConnectorComponent(DBConnectorComponent):
    """Reads and writes builders."""
