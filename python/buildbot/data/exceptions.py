"""What can go wrong when data are asked for or changed."""

from buildbot.db.schedulers import SchedulerAlreadyClaimedError

__all__ = [
    "DataException",
    "InvalidControlException",
    "InvalidPathError",
    "InvalidQueryParameter",
    "SchedulerAlreadyClaimedError",
]


class DataException(Exception):
    """Base of these errors."""


class InvalidPathError(DataException):
    """There is nothing at this path."""


class InvalidControlException(DataException):
    """The action does not exist."""


class InvalidQueryParameter(DataException):
    """The query asks for something that does not exist."""
