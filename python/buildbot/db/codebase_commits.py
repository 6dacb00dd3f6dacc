"""Codebase commits in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class CodebaseCommitModel(Row):
    """One row: a codebase commit."""

    id: int
    codebaseid: int
    author: str
    committer: str | None
    comments: str
    when_timestamp: int
    revision: str
    parent_commitid: int | None


@dataclasses.dataclass
class CommonCommitInfo(Row):
    """Inside the master: common commit info."""

    common_commit_id: int
    to1_commit_ids: list[int]
    to2_commit_ids: list[int]


class CodebaseCommitCache(Internal):
    """Inside the master: codebase commit cache."""


class CodebaseCommitsConnectorComponent(DBConnectorComponent):
    """Reads and writes codebase commits."""
