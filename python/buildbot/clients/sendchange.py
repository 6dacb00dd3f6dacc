"""Sends changes to a master, for scripts that import it."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot.util import unicode2bytes


class Sender:
    """`master` is host and port of a `PBChangeSource`."""

    def __init__(self, master, auth=("change", "changepw"), encoding="utf8"):
        self.username = unicode2bytes(auth[0])
        self.password = unicode2bytes(auth[1])
        host, port = master.split(":")
        self.host = host
        self.port = int(port)
        self.encoding = encoding

    @by_master
    def send(
        self,
        branch,
        revision,
        comments,
        files,
        who=None,
        category=None,
        when=None,
        properties=None,
        repository="",
        vc=None,
        project="",
        revlink="",
        codebase=None,
    ): ...
