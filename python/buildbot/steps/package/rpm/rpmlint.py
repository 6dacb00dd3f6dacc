"""The step that checks packages of RPM."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.steps.package import util as pkgutil
from buildbot.steps.shell import Test

__all__ = [
    "RpmLint",
    "Test",
    "pkgutil",
]

__getattr__ = elsewhere(__name__, "defer")


class RpmLint(Test):
    """Runs rpmlint."""

    name = "rpmlint"
    description = ["Checking for RPM/SPEC issues"]
    descriptionDone = ["Finished checking RPM/SPEC issues"]
    fileloc = "."
    config = None

    @recorded
    def __init__(self, fileloc=None, config=None, **kwargs):
        super().__init__(**kwargs)
        if fileloc:
            self.fileloc = fileloc
        if config:
            self.config = config
        self.command = ["rpmlint", "-i"]
        if self.config:
            self.command += ["-f", self.config]
        self.command.append(self.fileloc)
        self.obs = pkgutil.WEObserver()
        self.addLogObserver("stdio", self.obs)

    @runtime.inline
    def createSummary(self):
        """Makes a log of the warnings."""
        if self.obs.warnings:
            yield self.addCompleteLog(
                f"{len(self.obs.warnings)} Warnings", "\n".join(self.obs.warnings)
            )
