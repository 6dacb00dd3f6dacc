"""An old path of `BuildRequest`."""

from buildbot.process.buildrequest import BuildRequest

__all__ = ["BuildRequest"]
