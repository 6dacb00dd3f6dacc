"""Schedulers as the REST API shows them: the master's own, here by name only."""

from buildbot.data.base import Endpoint, ResourceType


class SchedulerEndpoint(Endpoint):
    """Answers requests for scheduler."""


class SchedulersEndpoint(Endpoint):
    """Answers requests for schedulers."""


class Scheduler(ResourceType):
    """The resource type scheduler."""
