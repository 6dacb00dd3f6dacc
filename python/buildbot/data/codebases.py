"""Codebases as the REST API shows them: the master's own, here by name only."""

from buildbot._host.internal import function
from buildbot.data.base import Endpoint, ResourceType


class CodebaseEndpoint(Endpoint):
    """Answers requests for codebase."""


class CodebasesEndpoint(Endpoint):
    """Answers requests for codebases."""


class Codebase(ResourceType):
    """The resource type codebase."""


codebase_db_to_data = function(__name__, "codebase_db_to_data")
