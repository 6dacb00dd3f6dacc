"""Bases of what the REST API shows: the master's own; code of users may extend them."""

from __future__ import annotations

import enum
from collections import UserList

from buildbot._host.internal import Internal


class EndpointKind(enum.Enum):
    """What an endpoint answers."""

    SINGLE = 1
    COLLECTION = 2
    RAW = 3
    RAW_INLINE = 4


class ResourceType(Internal):
    """A kind of thing with its endpoints, events and ways to change it."""

    name = None
    plural = None
    endpoints = []
    eventPathPatterns = []
    entityType = None


class SubResource(Internal):
    """A kind of thing that is a part of another."""


class Endpoint(Internal):
    """Answers requests for some paths."""

    pathPatterns = []
    rootLinkName = None
    isPseudoCollection = False
    kind = EndpointKind.SINGLE
    parentMapping = {}


class NestedBuildDataRetriever(Internal):
    """Finds build, builder, step, log and worker that a path names."""


class BuildNestingMixin:
    """For endpoints below builds and builders."""


class ListResult(UserList):
    """A part of a list, with its place in the whole."""

    __slots__ = ["limit", "offset", "total"]

    def __init__(self, values, offset=None, total=None, limit=None):
        super().__init__(values)
        self.offset = offset
        self.total = total
        self.limit = limit

    def _all(self):
        return (self.data, self.offset, self.total, self.limit)

    def __repr__(self):
        return (
            f"ListResult({self.data!r}, offset={self.offset!r}, "
            f"total={self.total!r}, limit={self.limit!r})"
        )

    def __eq__(self, other):
        if isinstance(other, ListResult):
            return self._all() == other._all()
        return (
            self.data == other
            and self.offset == self.limit is None
            and (self.total is None or self.total == len(other))
        )

    def __ne__(self, other):
        return not self == other

    __hash__ = None


def updateMethod(func):
    """Marks a method of a resource type as one that others may call to change something."""
    func.isUpdateMethod = True
    return func
