"""A worker inside the master."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.worker.base import Worker

__getattr__ = elsewhere(__name__, "defer error")


class LocalWorker(Worker):
    """Builds below the base directory of the master; needs the protocol `null`.

    It never needs the buildbot-worker package: the master has a worker of its own.
    """

    @recorded
    def checkConfig(self, name, workdir=None, **kwargs):
        kwargs["password"] = None
        super().checkConfig(name, **kwargs)
        self.remote_worker = None

    def reconfigService(self, name, workdir=None, **kwargs):
        kwargs["password"] = None
        if workdir is None:
            workdir = name
        self.workdir = workdir
        return super().reconfigService(name, **kwargs)
