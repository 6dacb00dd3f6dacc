"""Masters as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class MasterEndpoint(Endpoint):
    """Answers requests for master."""


class MastersEndpoint(Endpoint):
    """Answers requests for masters."""


class Master(ResourceType):
    """The resource type master."""
