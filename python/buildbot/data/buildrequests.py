"""Buildrequests as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class BuildRequestEndpoint(Endpoint):
    """Answers requests for build request."""


class BuildRequestsEndpoint(Endpoint):
    """Answers requests for build requests."""


class BuildRequest(ResourceType):
    """The resource type build request."""
