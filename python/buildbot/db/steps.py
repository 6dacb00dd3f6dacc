"""Steps in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class UrlModel(Row):
    """One row: a url."""

    name: str
    url: str


@dataclasses.dataclass
class StepModel(Row):
    """One row: a step."""

    id: int
    number: int
    name: str
    buildid: int
    started_at: datetime.datetime | None  # noqa: F821
    locks_acquired_at: datetime.datetime | None  # noqa: F821
    complete_at: datetime.datetime | None  # noqa: F821
    state_string: str
    results: int | None
    urls: list[UrlModel]
    hidden: bool = False


class StepsConnectorComponent(DBConnectorComponent):
    """Reads and writes steps."""
