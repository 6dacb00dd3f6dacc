"""Schedulers in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent


class SchedulerAlreadyClaimedError(Exception):
    """Raised by the database."""


class SchedulerModel(Internal):
    """One row: a scheduler."""


class SchedulersConnectorComponent(DBConnectorComponent):
    """Reads and writes schedulers."""
