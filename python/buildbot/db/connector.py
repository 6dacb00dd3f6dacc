"""The connection to the database: the master's own, here by name only."""

from buildbot._host.internal import Internal


class DBConnector(Internal):
    """Inside the master: db connector."""
