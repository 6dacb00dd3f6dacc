"""The step for Monotone."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import ConfigErrors
from buildbot.process.results import SUCCESS
from buildbot.steps.source.base import Source

__all__ = ["ConfigErrors", "Monotone", "SUCCESS", "Source"]

__getattr__ = elsewhere(__name__, "WorkerSetupError buildstep defer log reactor remotecommand")


class Monotone(Source):
    """Fetches a branch of Monotone."""

    name = "monotone"
    renderables = ["repourl"]
    possible_methods = ("clobber", "copy", "fresh", "clean")

    @recorded
    def __init__(
        self,
        repourl=None,
        branch=None,
        progress=False,
        mode="incremental",
        method=None,
        **kwargs,
    ):
        self.repourl = repourl
        self.method = method
        self.mode = mode
        self.branch = branch
        self.sourcedata = f"{repourl}?{branch}"
        self.database = "db.mtn"
        self.progress = progress
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
        if branch is None:
            errors.append("you must provide branch")
        if errors:
            raise ConfigErrors(errors)

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""

    @runtime.native
    def mode_full(self):
        """Fetches them anew, as the method says."""

    @runtime.native
    def mode_incremental(self):
        """Fetches what changed."""

    @runtime.native
    def clobber(self):
        """Removes all and checks out."""

    @runtime.native
    def copy(self):
        """Keeps the sources in one directory and copies them for the build."""

    @runtime.native
    def checkMonotone(self):
        """Whether the worker has mtn."""

    @runtime.native
    def clean(self, ignore_ignored=True):
        """Removes files that are not of the repository."""

    @runtime.native
    def removeFiles(self, files):
        """Removes files of the working directory."""

    @runtime.native
    def _checkout(self, abandonOnFailure=False):
        """Checks out."""

    @runtime.native
    def _update(self, abandonOnFailure=False):
        """Updates."""

    @runtime.native
    def _pull(self, abandonOnFailure=False):
        """Pulls into the database."""

    @runtime.native
    def _retryPull(self):
        """Pulls, again if it fails."""

    @runtime.native
    def parseGotRevision(self):
        """Asks for the revision and sets the property."""

    @runtime.native
    def _dovccmd(
        self,
        command,
        workdir,
        collectStdout=False,
        initialStdin=None,
        decodeRC=None,
        abandonOnFailure=True,
    ):
        """Runs mtn on the worker."""

    @runtime.native
    def _checkDb(self):
        """Makes the database, or brings it to the version of mtn."""

    @runtime.native
    def _sourcedirIsUpdatable(self):
        """Whether there is a working directory."""
