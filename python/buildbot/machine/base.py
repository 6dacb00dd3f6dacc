"""Machines on which several workers run."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.util.service import BuildbotService

__getattr__ = elsewhere(__name__, "defer implementer interfaces service")


@provides("IMachine")
class Machine(BuildbotService):
    """A machine that is always there."""

    @recorded
    def checkConfig(self, name, **kwargs):
        super().checkConfig(**kwargs)
        self.name = name
        self.workers = []

    def reconfigService(self, name, **kwargs):
        assert self.name == name
        return super().reconfigService(**kwargs)

    @by_master
    def registerWorker(self, worker): ...

    @by_master
    def unregisterWorker(self, worker): ...

    def __repr__(self):
        return f"<Machine '{self.name}' at {id(self)}>"
