"""Users in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function
from buildbot.db.base import DBConnectorComponent


class UserModel(Internal):
    """One row: a user."""


class UsersConnectorComponent(DBConnectorComponent):
    """Reads and writes users."""


UsDict = function(__name__, "UsDict")
