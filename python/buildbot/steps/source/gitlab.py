"""Steps for GitLab."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot.steps.source.git import Git

__all__ = ["Git", "GitLab"]

__getattr__ = elsewhere(__name__, "log")


class GitLab(Git):
    """Fetches a repository of GitLab; merge requests are fetched from where they come."""

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""
