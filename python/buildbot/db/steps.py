"""Steps in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class UrlModel(Internal):
    """One row: a url."""


class StepModel(Internal):
    """One row: a step."""


class StepsConnectorComponent(DBConnectorComponent):
    """Reads and writes steps."""
