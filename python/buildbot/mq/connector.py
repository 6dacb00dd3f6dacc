"""The choice of the message queue: the master's own, here by name only."""

from buildbot._host.internal import Internal


class MQConnector(Internal):
    """Inside the master: mq connector."""
