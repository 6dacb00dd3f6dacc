"""Buildsets in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent, Row


class BsProps(Internal):
    """Inside the master: bs props."""


class AlreadyCompleteError(RuntimeError):
    """Raised by the database."""


@dataclasses.dataclass
class BuildSetModel(Row):
    """One row: a build set."""

    bsid: int
    external_idstring: str | None
    reason: str | None
    submitted_at: datetime.datetime  # noqa: F821
    complete: bool = False
    complete_at: datetime.datetime | None = None  # noqa: F821
    results: int | None = None
    parent_buildid: int | None = None
    parent_relationship: str | None = None
    rebuilt_buildid: int | None = None
    sourcestamps: list[int] = dataclasses.field(default_factory=list)


class BuildsetsConnectorComponent(DBConnectorComponent):
    """Reads and writes buildsets."""
