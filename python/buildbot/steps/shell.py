"""Steps that run one command of a shell."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep, logobserver
from buildbot.process.properties import WithProperties
from buildbot.process.results import FAILURE, SUCCESS, WARNINGS, statusToString, worst_status
from buildbot.steps.worker import CompositeStepMixin

__all__ = [
    "Compile",
    "CompositeStepMixin",
    "Configure",
    "FAILURE",
    "PerlModuleTest",
    "PerlModuleTestObserver",
    "SUCCESS",
    "SetPropertyFromCommand",
    "ShellCommand",
    "Test",
    "TreeSize",
    "WARNINGS",
    "WarningCountingShellCommand",
    "WithProperties",
    "buildstep",
    "logobserver",
    "statusToString",
    "worst_status",
]

__getattr__ = elsewhere(__name__, "config defer join_list")


class TreeSize(buildstep.ShellMixin, buildstep.BuildStep):
    """Measures the size of the working directory."""

    name = "treesize"
    command = ["du", "-s", "-k", "."]
    description = ["measuring", "tree", "size"]

    @recorded
    def __init__(self, **kwargs):
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        self.observer = logobserver.BufferLogObserver(wantStdout=True, wantStderr=True)
        self.addLogObserver("stdio", self.observer)

    @runtime.native
    def run(self):
        """Runs the command and makes a property of its number."""


class SetPropertyFromCommand(buildstep.ShellMixin, buildstep.BuildStep):
    """Makes properties of the output of a command."""

    name = "setproperty"
    renderables = ["property"]

    @recorded
    def __init__(
        self,
        property=None,
        extract_fn=None,
        strip=True,
        includeStdout=True,
        includeStderr=False,
        **kwargs,
    ):
        kwargs = self.setupShellMixin(kwargs)
        self.property = property
        self.extract_fn = extract_fn
        self.strip = strip
        self.includeStdout = includeStdout
        self.includeStderr = includeStderr
        if (property is None) == (extract_fn is None):
            config_error("Exactly one of property and extract_fn must be set")
        super().__init__(**kwargs)
        if extract_fn:
            self.includeStderr = True
        self.observer = logobserver.BufferLogObserver(
            wantStdout=self.includeStdout, wantStderr=self.includeStderr
        )
        self.addLogObserver("stdio", self.observer)

    @runtime.native
    def run(self):
        """Runs the command and sets the properties."""


# What ShellCommand itself takes; the last three only to say later that it does not.
_SHELL_COMMAND_ARGS = frozenset(
    [
        *buildstep.BuildStep._params_names,
        *(name for name, _check in buildstep.ShellMixin._shell_mixin_arg_config),
        "collectStdout",
        "collectStderr",
        "stdioLogName",
    ]
)


class ShellCommand(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs a command on the worker."""

    name = "shell"

    @recorded
    def __init__(self, **kwargs):
        if self.is_exact_step_class(ShellCommand):
            if "command" not in kwargs:
                config_error("ShellCommand's `command' argument is not specified")
            unknown = [arg for arg in kwargs if arg not in _SHELL_COMMAND_ARGS]
            if unknown:
                self._report_unknown(
                    f"Invalid argument(s) passed to ShellCommand: {', '.join(unknown)}", unknown
                )
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)

    @runtime.inline
    def run(self):
        """Runs the command."""
        command = yield self.makeRemoteShellCommand()
        yield self.runCommand(command)
        return command.results()


class Configure(ShellCommand):
    """Runs `./configure`."""

    name = "configure"
    haltOnFailure = True
    flunkOnFailure = True
    description = "configuring"
    descriptionDone = "configure"
    command = ["./configure"]


class WarningCountingShellCommand(buildstep.ShellMixin, CompositeStepMixin, buildstep.BuildStep):
    """Runs a command and counts the lines of its output that look like warnings."""

    renderables = [
        "suppressionFile",
        "suppressionList",
        "warningPattern",
        "directoryEnterPattern",
        "directoryLeavePattern",
        "maxWarnCount",
    ]

    warnCount = 0
    warningPattern = "(?i).*warning[: ].*"
    directoryEnterPattern = "make.*: Entering directory [\u2019\"`'](.*)[\u2019'`\"]"
    directoryLeavePattern = "make.*: Leaving directory"
    suppressionFile: str | None = None

    commentEmptyLineRe = re.compile(r"^\s*(#.*)?$")
    suppressionLineRe = re.compile(r"^\s*(.+?)\s*:\s*(.+?)\s*(?:[:]\s*([0-9]+)(?:-([0-9]+))?\s*)?$")

    class Sentinel:
        """Stands for an argument that was not given, where None means something."""

    _sentinel = Sentinel()

    @recorded
    def __init__(
        self,
        warningPattern=_sentinel,
        warningExtractor=None,
        maxWarnCount=None,
        directoryEnterPattern=None,
        directoryLeavePattern=None,
        suppressionFile=None,
        suppressionList=None,
        **kwargs,
    ):
        if self.is_exact_step_class(WarningCountingShellCommand) and not kwargs.get("command"):
            config_error("WarningCountingShellCommand's 'command' argument is not specified")
        if warningPattern is not self._sentinel:
            self.warningPattern = warningPattern
        if directoryEnterPattern:
            self.directoryEnterPattern = directoryEnterPattern
        if directoryLeavePattern:
            self.directoryLeavePattern = directoryLeavePattern
        if suppressionFile:
            self.suppressionFile = suppressionFile
        # Called as a function of (step, line, match): not bound to the step.
        self.warningExtractor = warningExtractor or WarningCountingShellCommand.warnExtractWholeLine
        self.maxWarnCount = maxWarnCount
        self.suppressionList = suppressionList
        self.suppressions = []
        self.directoryStack = []
        self.warnCount = 0
        self.loggedWarnings = []
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self.warningLogConsumer))

    def addSuppression(self, suppressionList):
        """Adds (file pattern, text pattern, first line, last line) tuples to those in use."""
        for file_pattern, text_pattern, first, last in suppressionList:
            if isinstance(file_pattern, str):
                file_pattern = re.compile(file_pattern)
            if isinstance(text_pattern, str):
                text_pattern = re.compile(text_pattern)
            self.suppressions.append((file_pattern, text_pattern, first, last))

    def warnExtractWholeLine(self, line, match):
        """A warning is the whole line, with no known place."""
        return (None, None, line)

    def warnExtractFromRegexpGroups(self, line, match):
        """File, line number and text are the groups 1, 2 and 3 of the pattern."""
        file, number, text = match.group(1, 2, 3)
        return (file, int(number) if number else number, text)

    def warningLogConsumer(self):
        """Reads the log line by line, follows `make` into directories, collects warnings."""
        enter, leave, wanted = (
            re.compile(pattern) if isinstance(pattern, str) else pattern
            for pattern in (
                self.directoryEnterPattern,
                self.directoryLeavePattern,
                self.warningPattern,
            )
        )
        while True:
            _stream, line = yield
            if wanted is None:
                continue
            entered = enter.search(line) if enter else None
            if entered:
                self.directoryStack.append(entered.group(1))
                continue
            if leave and self.directoryStack and leave.search(line):
                self.directoryStack.pop()
                continue
            match = wanted.match(line)
            if match:
                self.maybeAddWarning(self.loggedWarnings, line, match)

    def maybeAddWarning(self, warnings, line, match):
        """Counts the warning unless something suppresses it."""
        if self.suppressions:
            file, number, text = self.warningExtractor(self, line, match)
            if file and self.directoryStack:
                file = "/".join([*self.directoryStack, file])
            for suppression in self.suppressions:
                if _suppresses(suppression, file, number, text):
                    return
        warnings.append(line)
        self.warnCount += 1

    @runtime.inline
    def setup_suppression(self):
        """Reads the suppressions that were given, and those in the worker's file."""
        if self.suppressionList is not None:
            self.addSuppression(self.suppressionList)
        if self.suppressionFile is None:
            return
        content = yield self.getFileContentFromWorker(self.suppressionFile, abandonOnFailure=True)
        found = []
        for line in content.split("\n"):
            if self.commentEmptyLineRe.match(line):
                continue
            parts = self.suppressionLineRe.match(line)
            if parts is None:
                continue
            file_pattern, text_pattern, first, last = parts.groups()
            if first is not None:
                first, last = int(first), int(last or first)
            found.append((file_pattern, text_pattern, first, last))
        self.addSuppression(found)

    @runtime.inline
    def run(self):
        """Runs the command, counts warnings."""
        yield self.setup_suppression()
        command = yield self.makeRemoteShellCommand()
        yield self.runCommand(command)
        yield self.finish_logs()
        yield self.createSummary()
        return self.evaluateCommand(command)

    @runtime.inline
    def finish_logs(self):
        log = self.logs.get("stdio")
        if log is not None and not log.finished:
            yield log.finish()

    @runtime.inline
    def createSummary(self):
        """Makes a log of the warnings, and adds their number to property and statistic."""
        yield self.finish_logs()
        if self.warnCount:
            text = "\n".join(self.loggedWarnings) + "\n"
            yield self.addCompleteLog(f"warnings ({self.warnCount})", text)
        self.setStatistic("warnings", self.getStatistic("warnings", 0) + self.warnCount)
        before = self.getProperty("warnings-count", 0)
        self.setProperty("warnings-count", before + self.warnCount, "WarningCountingShellCommand")

    def evaluateCommand(self, cmd):
        """The step's result, from that of the command and the number of warnings."""
        result = cmd.results()
        if self.maxWarnCount is not None and self.warnCount > self.maxWarnCount:
            return worst_status(result, FAILURE)
        if self.warnCount:
            return worst_status(result, WARNINGS)
        return result


def _suppresses(suppression, file, number, text):
    file_pattern, text_pattern, first, last = suppression
    if file is not None and file_pattern is not None and not file_pattern.match(file):
        return False
    if text_pattern is not None and not text_pattern.search(text):
        return False
    if first is None or last is None:
        return True
    return number is not None and first <= number <= last


class Compile(WarningCountingShellCommand):
    """Runs `make all`."""

    name = "compile"
    haltOnFailure = True
    flunkOnFailure = True
    description = ["compiling"]
    descriptionDone = ["compile"]
    command = ["make", "all"]


class Test(WarningCountingShellCommand):
    """Runs `make test`."""

    name = "test"
    warnOnFailure = True
    description = ["testing"]
    descriptionDone = ["test"]
    command = ["make", "test"]

    def setTestResults(self, total=0, failed=0, passed=0, warnings=0):
        """Adds to the statistics of tests."""
        for name, count in (
            ("tests-total", total),
            ("tests-failed", failed),
            ("tests-warnings", warnings),
            ("tests-passed", passed),
        ):
            self.setStatistic(name, self.getStatistic(name, 0) + count)

    def getResultSummary(self):
        if not self.hasStatistic("tests-total"):
            return super().getResultSummary()
        total = self.getStatistic("tests-total", 0)
        counts = [
            (self.getStatistic(f"tests-{name}", 0), name)
            for name in ("passed", "warnings", "failed")
        ]
        if not total:
            total = sum(count for count, _name in counts)
        if not total:
            return super().getResultSummary()
        words = [str(total), "tests"]
        for count, name in counts:
            if count:
                words += [str(count), name]
        text = " ".join(words)
        if self.results != SUCCESS:
            text += f" ({statusToString(self.results)})"
            if self.timed_out:
                text += " (timed out)"
        return {"step": text}


class PerlModuleTestObserver(logobserver.LogLineObserver):
    """Counts tests in the output of `prove`, of its old and its new form."""

    failedRe = re.compile(r"Tests: \d+ Failed: (\d+)\)")
    testsRe = re.compile(r"Files=\d+, Tests=(\d+)")
    oldFailureCountsRe = re.compile(r"(\d+)/(\d+) subtests failed")
    oldSuccessCountsRe = re.compile(r"Files=\d+, Tests=(\d+),")

    def __init__(self, warningPattern):
        super().__init__()
        self.warningPattern = re.compile(warningPattern) if warningPattern else None
        self.rc = SUCCESS
        self.total = 0
        self.failed = 0
        self.warnings = 0
        self.newStyle = False
        self.complete = False

    def outLineReceived(self, line):
        if self.warningPattern is not None and self.warningPattern.match(line):
            self.warnings += 1
        if self.newStyle:
            self._new_form(line)
        elif line.startswith("Test Summary Report"):
            self.newStyle = True
        else:
            self._old_form(line)

    def _new_form(self, line):
        if line.startswith("Result: FAIL"):
            self.rc = FAILURE
        failed = self.failedRe.search(line)
        if failed:
            self.failed += int(failed.group(1))
            if self.failed:
                self.rc = FAILURE
        total = self.testsRe.search(line)
        if total:
            self.total = int(total.group(1))

    def _old_form(self, line):
        failed = self.oldFailureCountsRe.search(line)
        if failed:
            self.failed, self.total = int(failed.group(1)), int(failed.group(2))
            self.rc = FAILURE
        total = self.oldSuccessCountsRe.search(line)
        if total:
            self.total = int(total.group(1))


class PerlModuleTest(Test):
    """Runs the tests of a Perl module."""

    command = ["prove", "--lib", "lib", "-r", "t"]
    total = 0

    @recorded
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.observer = PerlModuleTestObserver(warningPattern=self.warningPattern)
        self.addLogObserver("stdio", self.observer)

    def evaluateCommand(self, cmd):
        """The result as the output tells it; the exit code does not count."""
        seen = self.observer
        if seen.total:
            self.setTestResults(
                total=seen.total,
                failed=seen.failed,
                passed=seen.total - seen.failed,
                warnings=seen.warnings,
            )
        if seen.rc == SUCCESS and seen.warnings:
            return WARNINGS
        return seen.rc
