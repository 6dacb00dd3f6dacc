"""Data that steps store with builds: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class BuildDataModel(Row):
    """One row: a build data."""

    buildid: int
    name: str
    length: int
    source: str
    value: bytes | None


class BuildDataConnectorComponent(DBConnectorComponent):
    """Reads and writes build data."""


BuildDataDict = function(__name__, "BuildDataDict")
