"""The message queue between masters: the master's own, here by name only."""

from buildbot.mq import base


class WampMQ(base.MQBase):
    """Delivers to all masters by a WAMP router."""

    NAMESPACE = "org.buildbot.mq"


class QueueRef(base.QueueRef):
    """What somebody asked for."""
