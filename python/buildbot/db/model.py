"""The tables of the database: the master's own, here by name only."""

from buildbot.db.base import DBConnectorComponent


class UpgradeFromBefore0p9Error(Exception):
    """Raised by the database."""


class UpgradeFromBefore3p0Error(Exception):
    """Raised by the database."""


class Model(DBConnectorComponent):
    """Inside the master: model."""
