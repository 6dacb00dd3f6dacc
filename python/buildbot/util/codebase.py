"""Remembers which revision of each codebase was seen last."""

from buildbot._host.by_master import by_master


class AbsoluteSourceStampsMixin:
    """For schedulers that build the last known state of codebases without changes."""

    _lastCodebases = None

    @by_master
    def getCodebaseDict(self, codebase): ...

    @by_master
    def recordChange(self, change): ...
