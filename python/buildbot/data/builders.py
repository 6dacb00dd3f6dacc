"""Builders as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class BuilderEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for builder."""


class BuildersEndpoint(Endpoint):
    """Answers requests for builders."""


class Builder(ResourceType):
    """The resource type builder."""
