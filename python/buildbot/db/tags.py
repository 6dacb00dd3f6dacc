"""Tags in the database: the master's own, here by name only."""

from buildbot.db.base import DBConnectorComponent


class TagsConnectorComponent(DBConnectorComponent):
    """Reads and writes tags."""
