"""Steps for GitHub."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot.steps.source.git import Git

__all__ = ["Git", "GitHub"]


class GitHub(Git):
    """Fetches a repository of GitHub; the head of a pull request is fetched by its reference."""

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""
