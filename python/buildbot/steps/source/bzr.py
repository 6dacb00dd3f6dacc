"""The step for Bazaar."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.steps.source.base import Source

__all__ = ["Bzr", "Source"]

__getattr__ = elsewhere(
    __name__,
    "WorkerSetupError buildstep defer log reactor remotecommand results",
)


class Bzr(Source):
    """Fetches a Bazaar branch."""

    name = "bzr"
    renderables = ["repourl", "baseURL"]

    @recorded
    def __init__(
        self,
        repourl=None,
        baseURL=None,
        mode="incremental",
        method=None,
        defaultBranch=None,
        **kwargs,
    ):
        self.repourl = repourl
        self.baseURL = baseURL
        self.branch = defaultBranch
        self.mode = mode
        self.method = method
        super().__init__(**kwargs)
        if repourl and baseURL:
            raise ValueError("you must provide exactly one of repourl and baseURL")
        if repourl is None and baseURL is None:
            raise ValueError("you must provide at least one of repourl and baseURL")
        if baseURL is not None and defaultBranch is None:
            raise ValueError("you must provide defaultBranch with baseURL")
        for wrong in self._wrong_mode(mode):
            raise ValueError(wrong)
        if mode == "full":
            assert method in ("clean", "fresh", "clobber", "copy", None)

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""

    @runtime.native
    def mode_incremental(self):
        """Fetches what changed."""

    @runtime.native
    def mode_full(self):
        """Fetches them anew, as far as the method says."""

    @runtime.native
    def _clobber(self):
        """Removes the directory."""

    @runtime.native
    def clobber(self):
        """Removes all and checks out."""

    @runtime.native
    def copy(self):
        """Keeps the sources in one directory and copies them for the build."""

    @runtime.native
    def clean(self):
        """Cleans the tree and updates."""

    @runtime.native
    def fresh(self):
        """Cleans the tree of more, and updates."""

    @runtime.native
    def _doFull(self):
        """Checks out."""

    @runtime.native
    def _sourcedirIsUpdatable(self):
        """Whether there is a branch."""

    def computeSourceRevision(self, changes):
        """The highest revision of the changes."""
        return max(int(change.revision) for change in changes) if changes else None

    @runtime.native
    def _dovccmd(self, command, abandonOnFailure=True, collectStdout=False):
        """Runs bzr on the worker."""

    @runtime.native
    def checkBzr(self):
        """Whether the worker has bzr."""

    def _getMethod(self):
        if self.method is not None and self.mode != "incremental":
            return self.method
        if self.mode == "incremental":
            return None
        return "fresh" if self.mode == "full" else None

    @runtime.native
    def parseGotRevision(self):
        """Asks for the revision and sets the property."""
