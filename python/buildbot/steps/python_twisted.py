"""Steps for projects that use Twisted."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process import buildstep, logobserver
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS, WARNINGS
from buildbot.steps import shell

__all__ = [
    "FAILURE",
    "HLint",
    "RemovePYCs",
    "SKIPPED",
    "SUCCESS",
    "Trial",
    "TrialTestCaseCounter",
    "UNSPECIFIED",
    "WARNINGS",
    "buildstep",
    "logobserver",
    "shell",
]

__getattr__ = elsewhere(__name__, "defer log util")


class HLint(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs lore on the changed pages."""

    name = "hlint"
    description = "running hlint"
    descriptionDone = "hlint"
    warnOnWarnings = True
    warnOnFailure = True
    warnings = 0

    @recorded
    def __init__(self, python=None, **kwargs):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)
        self.python = python
        self.warningLines = []
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self.logConsumer))

    @runtime.native
    def run(self):
        """Runs it."""

    def logConsumer(self):
        while True:
            _stream, line = yield
            if ":" in line:
                self.warnings += 1
                self.warningLines.append(line)


class TrialTestCaseCounter(logobserver.LogLineObserver):
    """Counts tests in the output of trial."""

    _line_re = re.compile(r"^(?:Doctest: )?([\w\.]+) \.\.\. \[([^\]]+)\]$")
    _total_re = re.compile(r"Ran (\d+) tests")
    _counts = (
        ("failures", re.compile(r"failures=(\d+)")),
        ("errors", re.compile(r"errors=(\d+)")),
        ("skips", re.compile(r"skips=(\d+)")),
        ("expectedFailures", re.compile(r"expectedFailures=(\d+)")),
        ("unexpectedSuccesses", re.compile(r"unexpectedSuccesses=(\d+)")),
        ("successes", re.compile(r"successes=(\d+)")),
    )

    def __init__(self):
        super().__init__()
        self.numTests = 0
        self.finished = False
        self.counts = {"total": None, **{name: 0 for name, _form in self._counts[:-1]}}

    def outLineReceived(self, line):
        if line.startswith("=" * 40):
            self.finished = True
        if not self.finished and self._line_re.search(line.strip()):
            self.numTests += 1
            self.step.setProgress("tests", self.numTests)
        total = self._total_re.search(line)
        if total:
            self.counts["total"] = int(total.group(1))
        if line.startswith(("OK", "FAILED ", "PASSED")):
            for name, form in self._counts:
                found = form.search(line)
                if found:
                    self.counts[name] = int(found.group(1))


# Stands for what was not given, where None means something.
UNSPECIFIED = ()


class Trial(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs tests with trial."""

    name = "trial"
    progressMetrics = ("output", "tests", "test.log")
    logfiles = {"test.log": "_trial_temp/test.log"}
    renderables = ["tests", "jobs"]
    flunkOnFailure = True
    python = None
    trial = "trial"
    trialMode = ["--reporter=bwverbose"]
    trialArgs = []
    jobs = None
    testpath = UNSPECIFIED
    testChanges = False
    recurse = False
    reactor = None
    randomly = False
    tests = None
    description = "testing"
    descriptionDone = "tests"

    @recorded
    def __init__(
        self,
        reactor=UNSPECIFIED,
        python=None,
        trial=None,
        testpath=UNSPECIFIED,
        tests=None,
        testChanges=None,
        recurse=None,
        randomly=None,
        trialMode=None,
        trialArgs=None,
        jobs=None,
        **kwargs,
    ):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)
        if python:
            self.python = python
        self._check_python()
        if trial:
            self.trial = trial
        if " " in self.trial:
            raise ValueError("trial= value has spaces")
        for name, value in (
            ("trialMode", trialMode),
            ("trialArgs", trialArgs),
            ("jobs", jobs),
        ):
            if value is not None:
                setattr(self, name, value)
        if testpath is not UNSPECIFIED:
            self.testpath = testpath
        if self.testpath is UNSPECIFIED:
            raise ValueError("You must specify testpath= (it can be None)")
        assert isinstance(self.testpath, str) or self.testpath is None
        if reactor is not UNSPECIFIED:
            self.reactor = reactor
        if tests is not None:
            self.tests = tests
        if isinstance(self.tests, str):
            self.tests = [self.tests]
        if testChanges is not None:
            self.testChanges = testChanges
        if not self.testChanges and self.tests is None:
            raise ValueError("Must either set testChanges= or provide tests=")
        if recurse is not None:
            self.recurse = recurse
        if randomly is not None:
            self.randomly = randomly
        if self.reactor:
            self.description = f"testing ({self.reactor})"

        self.problems = []
        self.warnings = {}
        self.text = "running"
        self.observer = TrialTestCaseCounter()
        self.addLogObserver("stdio", self.observer)
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self.logConsumer))

    def _check_python(self):
        if self.python is None:
            return
        if isinstance(self.python, str):
            self.python = [self.python]
        if any(" " in word for word in self.python):
            raise ValueError("python= value has spaces, probably an error")

    def setup_python_path(self):
        """Puts `testpath` in front of the variable PYTHONPATH."""
        if self.testpath is None:
            return
        env = dict(self.env or {})
        before = env.get("PYTHONPATH")
        if before is None:
            before = []
        elif not isinstance(before, list):
            before = [before]
        env["PYTHONPATH"] = [self.testpath, *before]
        self.env = env

    @runtime.native
    def run(self):
        """Runs the tests."""

    @runtime.native
    def build_results(self, cmd):
        """Makes text and result of what the observer counted."""

    def rtext(self, fmt="{}"):
        """The reactor's name, without the word itself."""
        if not self.reactor:
            return ""
        return fmt.format(self.reactor.replace("reactor", ""))

    @runtime.native
    def logConsumer(self):
        """Collects problems and warnings."""


class RemovePYCs(shell.ShellCommand):
    """Removes compiled files."""

    name = "remove_pyc"
    command = ["find", ".", "-name", "'*.pyc'", "-exec", "rm", "{}", ";"]
    description = "removing .pyc files"
    descriptionDone = "remove .pycs"
