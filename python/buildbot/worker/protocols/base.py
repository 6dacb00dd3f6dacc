"""How masters and workers talk. All of it happens in the master; the names can be imported."""

from __future__ import annotations

from buildbot._host.by_master import by_master


class Listener:
    """Waits for workers."""


class UpdateRegistrationListener(Listener):
    @by_master
    def __init__(self): ...


class Connection:
    """A connected worker."""

    proxies: dict = {}

    @by_master
    def __init__(self, name): ...


class RemoteCommandImpl:
    """Receives what a command on a worker has to say."""

    def remote_update(self, updates):
        raise NotImplementedError

    def remote_complete(self, failure=None):
        raise NotImplementedError


class FileWriterImpl:
    """Receives a file from a worker."""

    def remote_write(self, data):
        raise NotImplementedError

    def remote_utime(self, accessed_modified):
        raise NotImplementedError

    def remote_unpack(self):
        raise NotImplementedError

    def remote_close(self):
        raise NotImplementedError


class FileReaderImpl:
    """Sends a file to a worker."""

    def remote_read(self, maxLength):
        raise NotImplementedError

    def remote_close(self):
        raise NotImplementedError
