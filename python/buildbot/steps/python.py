"""Steps for projects in Python."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep, logobserver
from buildbot.process.results import FAILURE, SUCCESS, WARNINGS, statusToString

__all__ = [
    "BuildEPYDoc",
    "FAILURE",
    "PyFlakes",
    "PyLint",
    "SUCCESS",
    "Sphinx",
    "WARNINGS",
    "buildstep",
    "logobserver",
    "statusToString",
]

__getattr__ = elsewhere(__name__, "config defer")


def _counted(step, counts):
    """The description of a finished step with `name=count` for each that is not zero."""
    words = [*step.descriptionDone, *(f"{name}={count}" for name, count in counts if count)]
    text = " ".join(words)
    if step.results != SUCCESS:
        text += f" ({statusToString(step.results)})"
    return {"step": text}


class BuildEPYDoc(buildstep.ShellMixin, buildstep.BuildStep):
    """Builds documentation with epydoc."""

    name = "epydoc"
    command = ["make", "epydocs"]
    description = "building epydocs"
    descriptionDone = "epydoc"

    @recorded
    def __init__(self, **kwargs):
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self._log_consumer))

    def _log_consumer(self):
        self.import_errors = self.warnings = self.errors = 0
        while True:
            _stream, line = yield
            if line.startswith("Error importing "):
                self.import_errors += 1
            if "Warning: " in line:
                self.warnings += 1
            if "Error: " in line:
                self.errors += 1

    def getResultSummary(self):
        return _counted(
            self,
            [
                ("ierr", getattr(self, "import_errors", 0)),
                ("warn", getattr(self, "warnings", 0)),
                ("err", getattr(self, "errors", 0)),
            ],
        )

    @runtime.native
    def run(self):
        """Builds it."""


class PyFlakes(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs pyflakes and sorts what it finds."""

    name = "pyflakes"
    command = ["make", "pyflakes"]
    description = "running pyflakes"
    descriptionDone = "pyflakes"
    flunkOnFailure = False
    _flunkingIssues = ("undefined",)
    _MESSAGES = ("unused", "undefined", "redefs", "import*", "misc")

    @recorded
    def __init__(self, *args, **kwargs):
        # pyflakes exits with 1 when it finds anything.
        kwargs["decodeRC"] = {0: SUCCESS, 1: WARNINGS}
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(*args, **kwargs)
        self.counts = dict.fromkeys(self._MESSAGES, 0)
        self.summaries = {kind: [] for kind in self._MESSAGES}
        self._hasSyntaxError = False
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self._log_consumer))

    @runtime.native
    def _log_consumer(self):
        """Reads the log."""

    def getResultSummary(self):
        return _counted(self, [(kind, self.counts[kind]) for kind in self._MESSAGES])

    @runtime.native
    def run(self):
        """Runs it."""


class PyLint(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs pylint and sorts what it finds."""

    name = "pylint"
    description = "running pylint"
    descriptionDone = "pylint"

    # Bits of the exit code.
    RC_OK = 0
    RC_FATAL = 1
    RC_ERROR = 2
    RC_WARNING = 4
    RC_REFACTOR = 8
    RC_CONVENTION = 16
    RC_USAGE = 32

    _MESSAGES = {
        "C": "convention",
        "R": "refactor",
        "W": "warning",
        "E": "error",
        "F": "fatal",
        "I": "info",
    }
    _flunkingIssues = ("F", "E")

    _msgtypes_re_str = f"(?P<errtype>[{''.join(_MESSAGES)}])"
    _default_line_re = re.compile(rf"^{_msgtypes_re_str}(\d+)?: *\d+(, *\d+)?:.+")
    _default_2_0_0_line_re = re.compile(
        rf"^(?P<path>[^:]+):(?P<line>\d+):\d+: *{_msgtypes_re_str}(\d+)?:.+"
    )
    _parseable_line_re = re.compile(
        rf"(?P<path>[^:]+):(?P<line>\d+): \[{_msgtypes_re_str}(\d+)?(\([a-z-]+\))?[,\]] .+"
    )

    @recorded
    def __init__(self, store_results=True, **kwargs):
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        self._store_results = store_results
        self.counts = dict.fromkeys(self._MESSAGES, 0)
        self.summaries = {kind: [] for kind in self._MESSAGES}
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self._log_consumer))

    def _match_line(self, line):
        """(kind, path, line number) of a message; None for other lines."""
        for form in (
            self._default_2_0_0_line_re,
            self._parseable_line_re,
            self._default_line_re,
        ):
            match = form.match(line)
            if match:
                parts = match.groupdict()
                number = parts.get("line")
                return parts["errtype"], parts.get("path"), number and int(number)
        return None

    @runtime.native
    def _log_consumer(self):
        """Reads the log."""

    def getResultSummary(self):
        return _counted(
            self, [(name, self.counts[kind]) for kind, name in sorted(self._MESSAGES.items())]
        )

    @runtime.native
    def run(self):
        """Runs it."""

    @runtime.inline
    def addTestResultSets(self):
        if self._store_results:
            self._result_setid = yield self.addTestResultSet(
                "Pylint warnings", "code_issue", "message"
            )


class Sphinx(buildstep.ShellMixin, buildstep.BuildStep):
    """Builds documentation with Sphinx."""

    name = "sphinx"
    description = "running sphinx"
    descriptionDone = "sphinx"
    haltOnFailure = True

    _msgs = ("WARNING", "ERROR", "SEVERE")

    @recorded
    def __init__(
        self,
        sphinx_sourcedir=".",
        sphinx_builddir=None,
        sphinx_builder=None,
        sphinx="sphinx-build",
        tags=None,
        defines=None,
        strict_warnings=False,
        mode="incremental",
        **kwargs,
    ):
        if sphinx_builddir is None:
            config_error("Sphinx argument sphinx_builddir is required")
        if mode not in ("incremental", "full"):
            config_error("Sphinx argument mode has to be 'incremental' or'full' is required")
        self.success = False
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)

        command = [sphinx]
        if sphinx_builder is not None:
            command += ["-b", sphinx_builder]
        for tag in tags or ():
            command += ["-t", tag]
        for name in sorted(defines or ()):
            command += ["-D", _definition(name, defines[name])]
        if mode == "full":
            command.append("-E")
        if strict_warnings:
            command.append("-W")
        self.command = [*command, sphinx_sourcedir, sphinx_builddir]
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self._log_consumer))

    def _log_consumer(self):
        self.warnings = []
        follows_heading = False
        while True:
            _stream, line = yield
            if line.startswith(("build succeeded", "no targets are out of date.")):
                self.success = True
            elif line.startswith("Warning, treated as error:"):
                follows_heading = True
            elif follows_heading:
                self.warnings.append(line)
                follows_heading = False
            else:
                self.warnings += [line for word in self._msgs if word in line]

    def getResultSummary(self):
        text = f"{self.name} {len(getattr(self, 'warnings', ()))} warnings"
        if self.results != SUCCESS:
            text += f" ({statusToString(self.results)})"
        return {"step": text}

    @runtime.native
    def run(self):
        """Builds it."""


def _definition(name, value):
    if value is None:
        return name
    if isinstance(value, bool):
        value = int(value)
    return f"{name}={value}"
