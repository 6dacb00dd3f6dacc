"""Sourcestamps as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class SourceStampEndpoint(Endpoint):
    """Answers requests for source stamp."""


class SourceStampsEndpoint(Endpoint):
    """Answers requests for source stamps."""


class SourceStamp(ResourceType):
    """The resource type source stamp."""
