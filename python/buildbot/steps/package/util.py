"""What the steps for packages share."""

from __future__ import annotations

from buildbot.process import logobserver

__all__ = [
    "WEObserver",
    "logobserver",
]


class WEObserver(logobserver.LogLineObserver):
    """Collects warnings and errors of the tools that check packages."""

    def __init__(self):
        super().__init__()
        self.warnings = []
        self.errors = []

    def outLineReceived(self, line):
        if line.startswith("W: "):
            self.warnings.append(line)
        elif line.startswith("E: "):
            self.errors.append(line)
