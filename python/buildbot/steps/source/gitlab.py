"""Steps for GitLab."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot.steps.source.git import Git

__all__ = ["Git", "GitLab"]


class GitLab(Git):
    """Fetches a repository of GitLab; merge requests are fetched from where they come."""

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""
