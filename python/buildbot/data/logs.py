"""Logs as the REST API shows them: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class EndpointMixin(Internal):
    """Inside the master: endpoint mixin."""


class LogEndpoint(EndpointMixin, BuildNestingMixin, Endpoint):
    """Answers requests for log."""


class LogsEndpoint(EndpointMixin, BuildNestingMixin, Endpoint):
    """Answers requests for logs."""


class Log(ResourceType):
    """The resource type log."""
