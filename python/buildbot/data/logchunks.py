"""Logchunks as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import BuildNestingMixin, Endpoint, ResourceType


class LogChunkEndpointBase(BuildNestingMixin, Endpoint):
    """Inside the master: log chunk endpoint base."""


class LogChunkEndpoint(LogChunkEndpointBase):
    """Answers requests for log chunk."""


class RawLogChunkEndpoint(LogChunkEndpointBase):
    """Answers requests for raw log chunk."""


class RawInlineLogChunkEndpoint(LogChunkEndpointBase):
    """Answers requests for raw inline log chunk."""


class LogChunk(ResourceType):
    """The resource type log chunk."""
