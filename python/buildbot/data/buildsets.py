"""Buildsets as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class BuildsetEndpoint(Endpoint):
    """Answers requests for buildset."""


class BuildsetsEndpoint(Endpoint):
    """Answers requests for buildsets."""


class Buildset(ResourceType):
    """The resource type buildset."""
