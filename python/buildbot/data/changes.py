"""Changes as the REST API shows them: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class FixerMixin(Internal):
    """Inside the master: fixer mixin."""


class ChangeEndpoint(FixerMixin, Endpoint):
    """Answers requests for change."""


class ChangesEndpoint(FixerMixin, BuildNestingMixin, Endpoint):
    """Answers requests for changes."""


class Change(ResourceType):
    """The resource type change."""
