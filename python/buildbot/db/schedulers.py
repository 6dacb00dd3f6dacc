"""Schedulers in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


class SchedulerAlreadyClaimedError(Exception):
    """Raised by the database."""


@dataclasses.dataclass
class SchedulerModel(Row):
    """One row: a scheduler."""

    id: int
    name: str
    enabled: bool = True
    masterid: int | None = None


class SchedulersConnectorComponent(DBConnectorComponent):
    """Reads and writes schedulers."""
