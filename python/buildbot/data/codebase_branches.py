"""Codebase branches as the REST API shows them: the master's own, here by name only."""

from buildbot._host.internal import function
from buildbot.data.base import Endpoint, ResourceType


class CodebaseBranchEndpoint(Endpoint):
    """Answers requests for codebase branch."""


class CodebaseBranchesEndpoint(Endpoint):
    """Answers requests for codebase branches."""


class CodebaseBranch(ResourceType):
    """The resource type codebase branch."""


branch_db_to_data = function(__name__, "branch_db_to_data")
