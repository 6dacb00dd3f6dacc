"""An old path of `SubunitShellCommand`."""

from buildbot.steps.subunit import SubunitShellCommand

__all__ = ["SubunitShellCommand"]
