"""The step for MaxQ, a tester of web pages."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep, logobserver
from buildbot.process.results import FAILURE, SUCCESS

__all__ = [
    "FAILURE",
    "MaxQ",
    "MaxQObserver",
    "SUCCESS",
    "buildstep",
    "logobserver",
]

__getattr__ = elsewhere(__name__, "config defer")


class MaxQObserver(logobserver.LogLineObserver):
    """Counts failures."""

    def __init__(self):
        super().__init__()
        self.failures = 0

    def outLineReceived(self, line):
        if line.startswith("TEST FAILURE:"):
            self.failures += 1


class MaxQ(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs the tests of a directory."""

    flunkOnFailure = True
    name = "maxq"
    binary = "run_maxq.py"
    failures = 0

    @recorded
    def __init__(self, testdir=None, **kwargs):
        if not testdir:
            config_error("please pass testdir")
        self.testdir = testdir
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        self.observer = MaxQObserver()
        self.addLogObserver("stdio", self.observer)

    @runtime.native
    def run(self):
        """Runs the tests."""

    def getResultSummary(self):
        if self.failures:
            return {"step": f"{self.failures} maxq failures"}
        return {"step": "success"}
