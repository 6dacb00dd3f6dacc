"""Test result sets in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class TestResultSetModel(Row):
    """One row: a test result set."""

    id: int
    builderid: int
    buildid: int
    stepid: int
    description: str | None
    category: str
    value_unit: str
    tests_passed: int | None
    tests_failed: int | None
    complete: bool = False


class TestResultSetAlreadyCompleted(Exception):
    """Raised by the database."""


class TestResultSetsConnectorComponent(DBConnectorComponent):
    """Reads and writes test result sets."""


TestResultSetDict = function(__name__, "TestResultSetDict")
