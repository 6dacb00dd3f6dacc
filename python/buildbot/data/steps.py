"""Steps as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType
from buildbot.data.types import Entity


class StepEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for step."""


class StepsEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for steps."""


class UrlEntityType(Entity):
    """Inside the master: url entity type."""


class Step(ResourceType):
    """The resource type step."""
