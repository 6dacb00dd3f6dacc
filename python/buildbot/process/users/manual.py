"""The manager of users that serves the command `buildbot user`."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded

__getattr__ = elsewhere(__name__, "defer log pbutil service")


class CommandlineUserManagerPerspective:
    """Answers of the master to `buildbot user`."""

    _DONE = {"add": "added", "remove": "removed", "update": "updated", "get": "found"}

    def __init__(self, master):
        self.master = master

    def formatResults(self, op, results):
        """The text that the command shows."""
        if op not in self._DONE:
            return ""
        text = f"user(s) {self._DONE[op]}:\n"
        for user in results:
            if op == "get":
                text += _attributes(user)
            elif isinstance(user, dict):
                text += f"uid: {user}\n\n" if op == "add" else f"identifier: {user}\n"
            else:
                text += f"identifier: {user}\n"
        if op == "get" and not any(results):
            text = f"user(s) {self._DONE[op]}:\nno match found\n"
        return text

    def perspective_commandline(self, op, bb_username, bb_password, ids, info):
        """The master answers by itself."""
        from buildbot._host import runtime

        return runtime.ask(self, "user", op=op)


def _attributes(user):
    if user is None:
        return ""
    text = f"uid: {user.uid}\n"
    for name, value in user.attributes.items():
        text += f"{name}: {value}\n"
    return text + "\n"


class CommandlineUserManager(Described):
    """Lets `buildbot user` connect."""

    @recorded
    def __init__(self, username=None, passwd=None, port=None):
        assert username and passwd, (
            "A username and password pair must be given to connect and use `buildbot user`"
        )
        assert port, "A port must be specified for a PB connection"
        self.username = username
        self.passwd = passwd
        self.port = port
        self.registration = None

    def startService(self):
        """The master listens by itself."""

    def stopService(self):
        """The master stops by itself."""
