"""Test results as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class TestResultsEndpoint(Endpoint):
    """Answers requests for test results."""


class TestResult(ResourceType):
    """The resource type test result."""
