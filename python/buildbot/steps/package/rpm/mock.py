"""Steps that build packages of RPM with mock."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep, logobserver

__all__ = [
    "Mock",
    "MockBuildSRPM",
    "MockRebuild",
    "MockStateObserver",
    "buildstep",
    "logobserver",
]

__getattr__ = elsewhere(__name__, "config defer")


class MockStateObserver(logobserver.LogLineObserver):
    """Shows what mock is at, as the step's suffix."""

    _line_re = re.compile(r"^.*(Start|Finish): (.*)$")

    def outLineReceived(self, line):
        match = self._line_re.search(line.strip())
        if match is None:
            return
        began = match.group(1) == "Start"
        self.step.descriptionSuffix = [f"[{match.group(2)}]"] if began else None
        self.step.updateSummary()


class Mock(buildstep.ShellMixin, buildstep.CommandMixin, buildstep.BuildStep):
    """Runs mock."""

    name = "mock"
    renderables = ["root", "resultdir"]
    haltOnFailure = True
    flunkOnFailure = True
    mock_logfiles = ["build.log", "root.log", "state.log"]
    root = None
    resultdir = None

    @recorded
    def __init__(self, root=None, resultdir=None, **kwargs):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)
        if root:
            self.root = root
        if resultdir:
            self.resultdir = resultdir
        if not self.root:
            config_error("You must specify a mock root")
        self.command = ["mock", "--root", self.root]
        if self.resultdir:
            self.command += ["--resultdir", self.resultdir]

    @runtime.native
    def run(self):
        """Runs it."""

    def getResultSummary(self):
        self.descriptionSuffix = None
        return super().getResultSummary()


class MockBuildSRPM(Mock):
    """Builds a source package."""

    name = "mockbuildsrpm"
    description = ["mock buildsrpm"]
    descriptionDone = ["mock buildsrpm"]
    spec = None
    sources = "."

    @recorded
    def __init__(self, spec=None, sources=None, **kwargs):
        super().__init__(**kwargs)
        if spec:
            self.spec = spec
        if sources:
            self.sources = sources
        if not self.spec:
            config_error("You must specify a spec file")
        if not self.sources:
            config_error("You must specify a sources dir")
        self.command += ["--buildsrpm", "--spec", self.spec, "--sources", self.sources]
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self.logConsumer))

    def logConsumer(self):
        wrote = re.compile(r"Wrote: .*/([^/]*.src.rpm)")
        while True:
            _stream, line = yield
            match = wrote.search(line)
            if match:
                self.setProperty("srpm", match.group(1), "MockBuildSRPM")


class MockRebuild(Mock):
    """Builds a package of a source package."""

    name = "mock"
    description = ["mock rebuilding srpm"]
    descriptionDone = ["mock rebuild srpm"]
    srpm = None

    @recorded
    def __init__(self, srpm=None, **kwargs):
        super().__init__(**kwargs)
        if srpm:
            self.srpm = srpm
        if not self.srpm:
            config_error("You must specify a srpm")
        self.command += ["--rebuild", self.srpm]
