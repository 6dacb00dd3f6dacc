"""Steps for Gerrit."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot.steps.source.git import Git

__all__ = ["Git", "Gerrit"]


class Gerrit(Git):
    """Fetches a repository of Gerrit; patch sets are fetched by their reference."""

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""
