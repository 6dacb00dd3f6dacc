"""Test result sets in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent


class TestResultSetModel(Internal):
    """One row: a test result set."""


class TestResultSetAlreadyCompleted(Exception):
    """Raised by the database."""


class TestResultSetsConnectorComponent(DBConnectorComponent):
    """Reads and writes test result sets."""


TestResultSetDict = function(__name__, "TestResultSetDict")
