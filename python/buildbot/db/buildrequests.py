"""Build requests in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent


class AlreadyClaimedError(Exception):
    """Another master has claimed the build request."""


class NotClaimedError(Exception):
    """Nobody has claimed the build request."""


@dataclasses.dataclass
class BuildRequestModel:
    """One row: a build request."""

    buildrequestid: int
    buildsetid: int
    builderid: int
    buildername: str
    submitted_at: datetime.datetime  # noqa: F821
    complete_at: datetime.datetime | None = None  # noqa: F821
    complete: bool = False
    results: int | None = None
    waited_for: bool = False
    priority: int = 0
    claimed_at: datetime.datetime | None = None  # noqa: F821
    claimed_by_masterid: int | None = None

    @property
    def claimed(self):
        return self.claimed_at is not None

    def __getitem__(self, key):
        """Old code reads rows like dictionaries."""
        old = {"brid": "buildrequestid"}
        if hasattr(self, old.get(key, key)):
            return getattr(self, old.get(key, key))
        raise KeyError(key)


def BrDict(
    buildrequestid,
    buildsetid,
    builderid,
    buildername,
    submitted_at,
    complete_at=None,
    complete=False,
    results=None,
    waited_for=False,
    priority=0,
    claimed_at=None,
    claimed_by_masterid=None,
):
    """The old name of `BuildRequestModel`."""
    return BuildRequestModel(**locals())


class BuildRequestsConnectorComponent(DBConnectorComponent):
    """Reads and writes build requests."""
