"""Changesources in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


class ChangeSourceAlreadyClaimedError(Exception):
    """Raised by the database."""


@dataclasses.dataclass
class ChangeSourceModel(Row):
    """One row: a change source."""

    id: int
    name: str
    masterid: int | None = None


class ChangeSourcesConnectorComponent(DBConnectorComponent):
    """Reads and writes change sources."""
