"""Patches as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import ResourceType


class Patch(ResourceType):
    """The resource type patch."""
