"""Builds in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class BuildModel(Row):
    """One row: a build."""

    id: int
    number: int
    builderid: int
    buildrequestid: int
    workerid: int | None
    masterid: int
    started_at: datetime.datetime  # noqa: F821
    complete_at: datetime.datetime | None  # noqa: F821
    locks_duration_s: int | None
    state_string: str
    results: int | None


class BuildsConnectorComponent(DBConnectorComponent):
    """Reads and writes builds."""
