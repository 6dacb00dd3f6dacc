"""Workers as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType
from buildbot.data.types import Entity


class WorkerEndpoint(Endpoint):
    """Answers requests for worker."""


class WorkersEndpoint(Endpoint):
    """Answers requests for workers."""


class MasterBuilderEntityType(Entity):
    """Inside the master: master builder entity type."""


class MasterIdEntityType(Entity):
    """Inside the master: master id entity type."""


class Worker(ResourceType):
    """The resource type worker."""
