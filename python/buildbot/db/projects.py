"""Projects in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class ProjectModel(Row):
    """One row: a project."""

    id: int
    name: str
    slug: str
    description: str | None
    description_format: str | None
    description_html: str | None


class ProjectsConnectorComponent(DBConnectorComponent):
    """Reads and writes projects."""
