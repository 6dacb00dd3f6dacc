"""Forceschedulers as the REST API shows them: the master's own, here by name only."""

from buildbot._host.internal import function
from buildbot.data.base import Endpoint, ResourceType


class ForceSchedulerEndpoint(Endpoint):
    """Answers requests for force scheduler."""


class ForceSchedulersEndpoint(Endpoint):
    """Answers requests for force schedulers."""


class ForceScheduler(ResourceType):
    """The resource type force scheduler."""


forceScheduler2Data = function(__name__, "forceScheduler2Data")
