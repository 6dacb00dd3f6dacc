"""Codebase commits as the REST API shows them: the master's own, here by name only."""

from buildbot._host.internal import function
from buildbot.data.base import Endpoint, ResourceType


class CodebaseCommitEndpoint(Endpoint):
    """Answers requests for codebase commit."""


class CodebaseCommitByRevisionEndpoint(Endpoint):
    """Answers requests for codebase commit by revision."""


class CodebaseCommitsEndpoint(Endpoint):
    """Answers requests for codebase commits."""


class CodebaseCommit(ResourceType):
    """The resource type codebase commit."""


class CodebaseCommitsGraphEndpoint(Endpoint):
    """Answers requests for codebase commits graph."""


class CodebaseCommitsGraph(ResourceType):
    """The resource type codebase commits graph."""


commit_db_to_data = function(__name__, "commit_db_to_data")
