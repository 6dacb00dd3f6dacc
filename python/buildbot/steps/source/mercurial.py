"""The step for Mercurial."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import ConfigErrors
from buildbot.process.results import SUCCESS
from buildbot.steps.source.base import Source

__all__ = ["ConfigErrors", "Mercurial", "SUCCESS", "Source"]

__getattr__ = elsewhere(
    __name__,
    "WorkerSetupError buildstep defer log reactor remotecommand results",
)


class Mercurial(Source):
    """Fetches a Mercurial repository."""

    name = "hg"
    renderables = ["repourl"]
    possible_methods = (None, "clean", "fresh", "clobber")
    possible_branchTypes = ("inrepo", "dirname")

    @recorded
    def __init__(
        self,
        repourl=None,
        mode="incremental",
        method=None,
        defaultBranch=None,
        branchType="dirname",
        clobberOnBranchChange=True,
        **kwargs,
    ):
        self.repourl = repourl
        self.defaultBranch = self.branch = defaultBranch
        self.branchType = branchType
        self.method = method
        self.clobberOnBranchChange = clobberOnBranchChange
        self.mode = mode
        super().__init__(**kwargs)

        errors = []
        errors += self._wrong_mode(mode)
        if method not in self.possible_methods:
            errors.append(f"method {method} is not one of {self.possible_methods}")
        if branchType not in self.possible_branchTypes:
            errors.append(f"branchType {branchType} is not one of {self.possible_branchTypes}")
        if repourl is None:
            errors.append("you must provide a repourl")
        if errors:
            raise ConfigErrors(errors)

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""

    @runtime.native
    def mode_full(self):
        """Fetches them anew, as far as the method says."""

    @runtime.native
    def mode_incremental(self):
        """Fetches what changed."""

    @runtime.native
    def clean(self):
        """Removes unknown files, but not the ignored ones."""

    @runtime.native
    def _clobber(self):
        """Removes the directory."""

    @runtime.native
    def clobber(self):
        """Removes all and clones."""

    @runtime.native
    def fresh(self):
        """Removes unknown and ignored files."""

    @runtime.native
    def parseGotRevision(self):
        """Asks for the revision and sets the property."""

    @runtime.native
    def _checkBranchChange(self):
        """Clobbers when the branch is another and that is wanted."""

    def getHgPullCommand(self):
        """The words of the command that pulls."""
        command = ["pull", self.repourl]
        if self.revision:
            command += ["--rev", self.revision]
        elif self.branchType == "inrepo":
            command += ["--rev", self.update_branch]
        return command

    @runtime.native
    def _pullUpdate(self):
        """Pulls and updates."""

    @runtime.native
    def _dovccmd(
        self,
        command,
        collectStdout=False,
        initialStdin=None,
        decodeRC=None,
        abandonOnFailure=True,
    ):
        """Runs hg on the worker."""

    def computeSourceRevision(self, changes):
        return changes[-1].revision if changes else None

    @runtime.native
    def _getCurrentBranch(self):
        """The branch that is checked out."""

    def _getMethod(self):
        if self.method is not None and self.mode != "incremental":
            return self.method
        if self.mode == "incremental":
            return None
        return "fresh" if self.mode == "full" else None

    @runtime.native
    def _sourcedirIsUpdatable(self):
        """Whether there is a repository."""

    @runtime.native
    def _removeAddedFilesAndUpdate(self, _):
        """Removes files that were added but not committed, and updates."""

    @runtime.native
    def removeFiles(self, files):
        """Removes files of the working directory."""

    @runtime.native
    def _update(self):
        """Updates the working directory."""

    @runtime.native
    def _clone(self):
        """Clones."""

    @runtime.native
    def checkHg(self):
        """Whether the worker has hg."""

    @runtime.native
    def applyPatch(self, patch):
        """Applies a patch."""
