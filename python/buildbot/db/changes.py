"""Changes in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class ChangeModel(Row):
    """One row: a change."""

    changeid: int
    author: str
    committer: str | None
    comments: str
    branch: str | None
    revision: str | None
    revlink: str | None
    when_timestamp: datetime.datetime  # noqa: F821
    category: str | None
    sourcestampid: int
    parent_changeids: list[int] = dataclasses.field(default_factory=list)
    repository: str = ''
    codebase: str = ''
    project: str = ''
    files: list[str] = dataclasses.field(default_factory=list)
    properties: dict[str, tuple[Any, Literal['Change']]] = dataclasses.field(default_factory=dict)


class ChangesConnectorComponent(DBConnectorComponent):
    """Reads and writes changes."""


ChDict = function(__name__, "ChDict")
