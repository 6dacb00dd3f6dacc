"""Sourcestamps in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class PatchModel(Row):
    """One row: a patch."""

    patchid: int
    body: bytes
    level: int
    author: str
    comment: str
    subdir: str | None = None


@dataclasses.dataclass
class SourceStampModel(Row):
    """One row: a source stamp."""

    ssid: int
    branch: str | None
    revision: str | None
    repository: str
    created_at: datetime.datetime  # noqa: F821
    codebase: str = ''
    project: str = ''
    patch: PatchModel | None = None


class SourceStampsConnectorComponent(DBConnectorComponent):
    """Reads and writes source stamps."""


SsDict = function(__name__, "SsDict")
