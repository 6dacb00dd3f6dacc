"""Steps for Windows."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.buildstep import BuildStep, ShellMixin
from buildbot.process.results import EXCEPTION, FAILURE, SUCCESS, WARNINGS

__all__ = ["BuildStep", "EXCEPTION", "FAILURE", "Robocopy", "SUCCESS", "ShellMixin", "WARNINGS"]

__getattr__ = elsewhere(__name__, "defer log")


class Robocopy(ShellMixin, BuildStep):
    """Copies with robocopy."""

    renderables = [
        "custom_opts",
        "destination",
        "exclude_dirs",
        "exclude_files",
        "files",
        "source",
    ]

    # Result → bits of the exit code that mean it, the worst first.
    return_flags = {FAILURE: [8, 16], WARNINGS: [2, 4], SUCCESS: [0, 1]}

    @recorded
    def __init__(self, source, destination, exclude=None, exclude_files=None, **kwargs):
        self.source = source
        self.destination = destination
        self.files = kwargs.pop("files", None)
        self.recursive = kwargs.pop("recursive", False)
        self.mirror = kwargs.pop("mirror", False)
        self.move = kwargs.pop("move", False)
        self.exclude_files = exclude_files or exclude
        self.exclude_dirs = kwargs.pop("exclude_dirs", None)
        self.custom_opts = kwargs.pop("custom_opts", None)
        self.verbose = kwargs.pop("verbose", False)
        super().__init__(**kwargs)

    @runtime.native
    def run(self):
        """Copies."""
