"""Changesources as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class ChangeSourceEndpoint(Endpoint):
    """Answers requests for change source."""


class ChangeSourcesEndpoint(Endpoint):
    """Answers requests for change sources."""


class ChangeSource(ResourceType):
    """The resource type change source."""
