"""Test results in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent, Row


@dataclasses.dataclass
class TestResultModel(Row):
    """One row: a test result."""

    id: int
    builderid: int
    test_result_setid: int
    test_name: str | None
    test_code_path: str | None
    line: int | None
    duration_ns: int | None
    value: str | None


class TestResultsConnectorComponent(DBConnectorComponent):
    """Reads and writes test results."""


TestResultDict = function(__name__, "TestResultDict")
