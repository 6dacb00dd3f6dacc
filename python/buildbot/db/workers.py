"""Workers in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class BuilderMasterModel(Row):
    """One row: a builder master."""

    builderid: int
    masterid: int


@dataclasses.dataclass
class WorkerModel(Row):
    """One row: a worker."""

    id: int
    name: str
    workerinfo: dict[str, Any]
    paused: bool = False
    pause_reason: str | None = None
    graceful: bool = False
    configured_on: list[BuilderMasterModel] = dataclasses.field(default_factory=list)
    connected_to: list[int] = dataclasses.field(default_factory=list)


class WorkersConnectorComponent(DBConnectorComponent):
    """Reads and writes workers."""
