"""Build data as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class BuildDatasNoValueEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for build datas no value."""


class BuildDataNoValueEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for build data no value."""


class BuildDataEndpoint(BuildNestingMixin, Endpoint):
    """Answers requests for build data."""


class BuildData(ResourceType):
    """The resource type build data."""
