"""Projects as the REST API shows them: the master's own, here by name only."""

from buildbot._host.internal import function
from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class ProjectEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for project."""


class ProjectsEndpoint(Endpoint):
    """Answers requests for projects."""


class Project(ResourceType):
    """The resource type project."""


project_db_to_data = function(__name__, "project_db_to_data")
