"""Projects in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class ProjectModel(Internal):
    """One row: a project."""


class ProjectsConnectorComponent(DBConnectorComponent):
    """Reads and writes projects."""
