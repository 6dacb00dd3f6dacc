"""Takes changes from clients that send them: `buildbot sendchange` and hook scripts."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base

__getattr__ = elsewhere(__name__, "NewCredPerspective config defer log")


@with_private("_calculatePort", "_register", "_unregister")
class PBChangeSource(base.ChangeSource):
    """Listens on `port`, or on that of the workers."""

    compare_attrs = ("user", "passwd", "port", "prefix", "port")

    @recorded
    def __init__(
        self,
        user: str = "change",
        passwd: str = "changepw",
        port: int | str | None = None,
        prefix: str | None = None,
        name: str | None = None,
    ):
        if name is None:
            name = f"PBChangeSource:{prefix}:{port}" if prefix else f"PBChangeSource:{port}"
        super().__init__(name=name)
        self.user = user
        self.passwd = passwd
        self.port = port
        self.prefix = prefix
        self.registration = None
        self.registered_port = None

    def describe(self):
        text = f"PBChangeSource listener on {self.registered_port}"
        return text if self.prefix is None else f"{text} (prefix '{self.prefix}')"

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...

    @by_master
    def reconfigServiceWithBuildbotConfig(self, new_config): ...

    @by_master
    def getPerspective(self, mind, username): ...


class ChangePerspective:
    """What a client that sends changes talks to; it lives in the master."""

    @by_master
    def __init__(self, master, prefix): ...
