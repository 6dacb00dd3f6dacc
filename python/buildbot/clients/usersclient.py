"""Manages users of a master, for scripts that import it."""

from __future__ import annotations

from buildbot._host.by_master import by_master


class UsersClient:
    """Speaks to a `CommandlineUserManager`."""

    def __init__(self, master, username, password, port):
        self.host = master
        self.username = username
        self.password = password
        self.port = int(port)

    @by_master
    def send(self, op, bb_username, bb_password, ids, info): ...
