"""Properties as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class BuildsetPropertiesEndpoint(Endpoint):
    """Answers requests for buildset properties."""


class BuildPropertiesEndpoint(Endpoint):
    """Answers requests for build properties."""


class PropertiesListEndpoint(Endpoint):
    """Answers requests for properties list."""


class Property(ResourceType):
    """The resource type property."""


class Properties(ResourceType):
    """The resource type properties."""
