"""The message queue inside of one master: the master's own, here by name only."""

from buildbot.mq import base


class SimpleMQ(base.MQBase):
    """Delivers inside of this master."""


class QueueRef(base.QueueRef):
    """What somebody asked for."""


class PersistentQueueRef(QueueRef):
    """What somebody asked for who may be away for a while."""
