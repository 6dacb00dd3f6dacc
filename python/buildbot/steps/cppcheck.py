"""The step that runs Cppcheck."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.buildstep import BuildStep, ShellMixin
from buildbot.process.results import FAILURE, SUCCESS, WARNINGS

__all__ = ["BuildStep", "Cppcheck", "FAILURE", "SUCCESS", "ShellMixin", "WARNINGS"]

__getattr__ = elsewhere(__name__, "defer logobserver")


class Cppcheck(ShellMixin, BuildStep):
    """Runs cppcheck and counts what it finds, by its severity."""

    name = "cppcheck"
    description = ["running", "cppcheck"]
    descriptionDone = ["cppcheck"]
    flunkingIssues = ("error",)

    MESSAGES = ("error", "warning", "style", "performance", "portability", "information")

    renderables = ("binary", "source", "extra_args")

    @recorded
    def __init__(self, *args, **kwargs):
        for name, default in (
            ("binary", "cppcheck"),
            ("source", ["."]),
            ("enable", []),
            ("inconclusive", False),
            ("extra_args", []),
        ):
            setattr(self, name, kwargs.pop(name, default))
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(*args, **kwargs)
        self.counts = dict.fromkeys(self.MESSAGES, 0)
        self.summaries = {severity: [] for severity in self.MESSAGES}

    @runtime.native
    def _log_consumer(self):
        """Reads the log."""

    @runtime.native
    def run(self):
        """Runs cppcheck."""
