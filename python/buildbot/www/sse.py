"""Server-sent events: the master's own, here by name only."""

from buildbot._host.internal import Internal


class Consumer(Internal):
    """Inside the master: consumer."""


class EventResource(Internal):
    """Inside the master: event resource."""
