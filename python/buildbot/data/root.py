"""The root of the data and its specification: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class RootEndpoint(Endpoint):
    """Answers requests for root."""


class Root(ResourceType):
    """The resource type root."""


class SpecEndpoint(Endpoint):
    """Answers requests for spec."""


class Spec(ResourceType):
    """The resource type spec."""
