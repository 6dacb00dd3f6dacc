"""The worker inside the master."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot.worker.protocols import base


class Listener(base.Listener):
    pass


class ProxyMixin:
    @by_master
    def __init__(self, impl): ...


class RemoteCommandProxy(ProxyMixin):
    ImplClass = base.RemoteCommandImpl


class FileReaderProxy(ProxyMixin):
    ImplClass = base.FileReaderImpl


class FileWriterProxy(ProxyMixin):
    ImplClass = base.FileWriterImpl


class Connection(base.Connection):
    proxies = {
        base.FileWriterImpl: FileWriterProxy,
        base.FileReaderImpl: FileReaderProxy,
    }

    @by_master
    def __init__(self, master_or_worker, worker=None): ...
