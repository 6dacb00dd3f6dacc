"""Users in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class UserModel(Row):
    """One row: a user."""

    uid: int
    identifier: str
    bb_username: str | None = None
    bb_password: str | None = None
    attributes: dict[str, str] | None = None


class UsersConnectorComponent(DBConnectorComponent):
    """Reads and writes users."""


UsDict = function(__name__, "UsDict")
