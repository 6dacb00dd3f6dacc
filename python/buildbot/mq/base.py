"""The base of message queues: the master's own, here by name only."""

from buildbot._host.internal import Internal


class MQBase(Internal):
    """Delivers what happens to those who asked for it."""

    name = "mq-implementation"


class QueueRef(Internal):
    """What somebody asked for."""
