"""The step for CVS."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.steps.source.base import Source

__all__ = ["CVS", "Source"]

__getattr__ = elsewhere(
    __name__,
    "StringFileWriter WorkerSetupError buildstep defer formatdate log reactor "
    "remotecommand results",
)


class CVS(Source):
    """Fetches a module of a CVS repository."""

    name = "cvs"
    renderables = ["cvsroot"]

    @recorded
    def __init__(
        self,
        cvsroot=None,
        cvsmodule="",
        mode="incremental",
        method=None,
        branch=None,
        global_options=None,
        extra_options=None,
        login=None,
        **kwargs,
    ):
        self.cvsroot = cvsroot
        self.cvsmodule = cvsmodule
        self.branch = branch
        self.global_options = global_options or []
        self.extra_options = extra_options or []
        self.login = login
        self.mode = mode
        self.method = method
        self.srcdir = "source"
        for wrong in self._wrong_mode(mode):
            raise ValueError(wrong)
        super().__init__(**kwargs)

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
    def fresh(self):
        """Removes unknown and ignored files, and updates."""

    @runtime.native
    def clean(self):
        """Removes unknown files, and updates."""

    @runtime.native
    def copy(self):
        """Keeps the sources in one directory and copies them for the build."""

    @runtime.native
    def purge(self, ignore_ignores):
        """Removes files that are not of the repository."""

    @runtime.native
    def doCheckout(self, dir):
        """Checks out into `dir`."""

    @runtime.native
    def doUpdate(self):
        """Updates."""

    @runtime.native
    def checkLogin(self):
        """Logs in when a login was given."""

    @runtime.native
    def _dovccmd(self, command, workdir=None, abandonOnFailure=True, initialStdin=None):
        """Runs cvs on the worker."""

    def _cvsEntriesContainStickyDates(self, entries):
        """Whether a file `CVS/Entries` holds dates that an update would keep."""
        for line in entries.splitlines():
            if line == "D":
                continue
            if re.match(r".*/D\d\d\d\d\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d$", line):
                return True
        return False

    @runtime.native
    def _sourcedirIsUpdatable(self):
        """Whether the right module is checked out."""

    @runtime.native
    def parseGotRevision(self):
        """Sets the property to the time of now."""

    @runtime.native
    def checkCvs(self):
        """Whether the worker has cvs."""

    def _getMethod(self):
        if self.method is not None and self.mode != "incremental":
            return self.method
        if self.mode == "incremental":
            return None
        return "fresh" if self.mode == "full" else None

    def computeSourceRevision(self, changes):
        """A time between the last change and the last request that came after it."""
        if not changes:
            return None
        from email.utils import formatdate

        last = max(change.when for change in changes)
        submitted = max(request.submittedAt for request in self.build.requests)
        return formatdate((last + submitted) / 2)
