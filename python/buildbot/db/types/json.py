"""A column that holds JSON: the master's own, here by name only."""

from buildbot._host.internal import Internal


class JsonObject(Internal):
    """Inside the master: json object."""
