"""The step for tests that report in the format of subunit."""

from __future__ import annotations

from unittest import TestResult

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process import buildstep, logobserver
from buildbot.process.results import FAILURE, SUCCESS, statusToString

__all__ = [
    "FAILURE",
    "SUCCESS",
    "SubunitLogObserver",
    "SubunitShellCommand",
    "TestResult",
    "buildstep",
    "logobserver",
    "statusToString",
]

__getattr__ = elsewhere(__name__, "defer")


class SubunitLogObserver(logobserver.LogLineObserver, TestResult):
    """Reads a stream of subunit; code of users may count on more than the step shows."""

    def __init__(self):
        super().__init__()
        try:
            from subunit import PROGRESS_CUR, PROGRESS_SET, TestProtocolServer
        except ImportError as error:
            raise ImportError(
                "subunit is not importable, but is required for SubunitLogObserver support."
            ) from error
        from io import BytesIO

        self.PROGRESS_SET = PROGRESS_SET
        self.PROGRESS_CUR = PROGRESS_CUR
        self.warningio = BytesIO()
        self.protocol = TestProtocolServer(self, self.warningio)
        self.skips = []
        self.seen_tags = set()

    def outLineReceived(self, line):
        self.protocol.lineReceived(line.encode() + b"\n")

    def errLineReceived(self, line):
        self.protocol.lineReceived(line.encode() + b"\n")

    def stopTest(self, test):
        super().stopTest(test)
        self.step.setProgress("tests", self.testsRun)

    def addSkip(self, test, detail):
        if hasattr(TestResult, "addSkip"):
            super().addSkip(test, detail)
        self.skips.append((test, detail))

    def addError(self, test, err):
        super().addError(test, err)
        self.issue(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.issue(test, err)

    def issue(self, test, err):
        """Called with each error and failure."""
        self.step.setProgress("tests failed", len(self.failures) + len(self.errors))

    def tags(self, new_tags, gone_tags):
        self.seen_tags.update(new_tags)


class SubunitShellCommand(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs tests; reads their results from the output."""

    name = "shell"

    @recorded
    def __init__(self, failureOnNoTests=False, *args, **kwargs):
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(*args, **kwargs)
        self.failureOnNoTests = failureOnNoTests

    @runtime.native
    def run(self):
        """Runs the tests."""

    @runtime.native
    def getResultSummary(self):
        """The counts of tests."""
