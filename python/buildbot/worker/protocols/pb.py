"""Perspective Broker, spoken by the master."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot.worker.protocols import base


class Listener(base.UpdateRegistrationListener):
    name = "pbListener"

    @by_master
    def __init__(self, master): ...


class ReferenceableProxy:
    @by_master
    def __init__(self, impl): ...


class RemoteCommand(ReferenceableProxy):
    ImplClass = base.RemoteCommandImpl


class FileReaderProxy(ReferenceableProxy):
    ImplClass = base.FileReaderImpl


class FileWriterProxy(ReferenceableProxy):
    ImplClass = base.FileWriterImpl


class Connection(base.Connection):
    proxies = {
        base.FileWriterImpl: FileWriterProxy,
        base.FileReaderImpl: FileReaderProxy,
    }
    keepalive_timer = None
    keepalive_interval = 3600
    info = None

    @by_master
    def __init__(self, master, worker, mind): ...
