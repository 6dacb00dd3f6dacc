"""Masters in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class MasterModel(Row):
    """One row: a master."""

    id: int
    name: str
    active: bool
    last_active: datetime.datetime  # noqa: F821


class MastersConnectorComponent(DBConnectorComponent):
    """Reads and writes masters."""


MasterDict = function(__name__, "MasterDict")
