"""Test results in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent


class TestResultModel(Internal):
    """One row: a test result."""


class TestResultsConnectorComponent(DBConnectorComponent):
    """Reads and writes test results."""


TestResultDict = function(__name__, "TestResultDict")
