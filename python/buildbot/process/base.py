"""An old path of `Build`."""

from buildbot.process.build import Build

__all__ = ["Build"]
