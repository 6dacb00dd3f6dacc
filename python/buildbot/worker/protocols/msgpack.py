"""Messages in msgpack over WebSocket, spoken by the master."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot.worker.protocols import base


class Listener(base.UpdateRegistrationListener):
    name = "MsgPackListener"

    @by_master
    def __init__(self, master): ...


class BasicRemoteCommand:
    @by_master
    def __init__(self, worker_name, expected_keys, error_msg): ...


class Connection(base.Connection):
    keepalive_timer = None
    keepalive_interval = 3600
    info = None

    @by_master
    def __init__(self, master, worker, protocol): ...
