"""The step that checks packages for Debian."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep, logobserver
from buildbot.process.results import FAILURE, SUCCESS, WARNINGS
from buildbot.steps.package import util as pkgutil

__all__ = [
    "DebLintian",
    "FAILURE",
    "MaxQObserver",
    "SUCCESS",
    "WARNINGS",
    "buildstep",
    "logobserver",
    "pkgutil",
]

__getattr__ = elsewhere(__name__, "config defer")


class MaxQObserver(logobserver.LogLineObserver):
    """Counts failures of MaxQ."""

    def __init__(self):
        super().__init__()
        self.failures = 0

    def outLineReceived(self, line):
        if line.startswith("TEST FAILURE:"):
            self.failures += 1


class DebLintian(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs lintian."""

    name = "lintian"
    description = "Lintian running"
    descriptionDone = "Lintian"
    fileloc = None
    suppressTags = []
    flunkOnFailure = False
    warnOnFailure = True

    @recorded
    def __init__(self, fileloc=None, suppressTags=None, **kwargs):
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        if fileloc:
            self.fileloc = fileloc
        if suppressTags:
            self.suppressTags = suppressTags
        if not self.fileloc:
            config_error("You must specify a fileloc")
        self.command = ["lintian", "-v", self.fileloc]
        for tag in self.suppressTags:
            self.command += ["--suppress-tags", tag]
        self.obs = pkgutil.WEObserver()
        self.addLogObserver("stdio", self.obs)

    @runtime.native
    def run(self):
        """Checks the package."""
