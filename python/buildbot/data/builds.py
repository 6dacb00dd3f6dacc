"""Builds as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class BuildEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for build."""


class BuildTriggeredBuildsEndpoint(Endpoint):
    """Answers requests for build triggered builds."""


class BuildsEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for builds."""


class Build(ResourceType):
    """The resource type build."""
