"""Test result sets as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class TestResultSetsEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for test result sets."""


class TestResultSetsFromCommitRangeEndpoint(Endpoint):
    """Answers requests for test result sets from commit range."""


class TestResultSetEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for test result set."""


class TestResultSet(ResourceType):
    """The resource type test result set."""
