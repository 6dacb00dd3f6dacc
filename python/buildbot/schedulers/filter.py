"""The old place of `ChangeFilter`."""

from buildbot.changes.filter import ChangeFilter

__all__ = ["ChangeFilter"]
