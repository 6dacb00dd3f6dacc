"""The step for Darcs."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import ConfigErrors
from buildbot.process.results import SUCCESS
from buildbot.steps.source.base import Source

__all__ = ["ConfigErrors", "Darcs", "SUCCESS", "Source"]

__getattr__ = elsewhere(
    __name__,
    "WorkerSetupError buildstep defer log reactor remotecommand results",
)


class Darcs(Source):
    """Fetches a Darcs repository."""

    name = "darcs"
    renderables = ["repourl"]
    possible_methods = ("clobber", "copy")

    @recorded
    def __init__(self, repourl=None, mode="incremental", method=None, **kwargs):
        self.repourl = repourl
        self.method = method
        self.mode = mode
        super().__init__(**kwargs)

        errors = []
        errors += self._wrong_mode(mode)
        if mode == "incremental" and method:
            errors.append("Incremental mode does not require method")
        if mode == "full":
            if method is None:
                self.method = "copy"
            elif method not in self.possible_methods:
                errors.append("Invalid method for mode == full")
        if repourl is None:
            errors.append("you must provide repourl")
        if errors:
            raise ConfigErrors(errors)

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""

    @runtime.native
    def checkDarcs(self):
        """Whether the worker has darcs."""

    @runtime.native
    def mode_full(self):
        """Fetches them anew, as the method says."""

    @runtime.native
    def mode_incremental(self):
        """Fetches what changed."""

    @runtime.native
    def copy(self):
        """Keeps the sources in one directory and copies them for the build."""

    @runtime.native
    def clobber(self):
        """Removes all and gets it anew."""

    @runtime.native
    def _clone(self, abandonOnFailure=False):
        """Gets the repository."""

    @runtime.native
    def _checkout(self):
        """Gets the repository, again if it fails."""

    @runtime.native
    def parseGotRevision(self):
        """Asks for the revision and sets the property."""

    @runtime.native
    def _dovccmd(
        self,
        command,
        collectStdout=False,
        initialStdin=None,
        decodeRC=None,
        abandonOnFailure=True,
        wkdir=None,
    ):
        """Runs darcs on the worker."""

    @runtime.native
    def _sourcedirIsUpdatable(self):
        """Whether there is a repository."""
