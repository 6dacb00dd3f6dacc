"""Machines that the master starts when there is something to build."""

from __future__ import annotations

import enum

from buildbot._host.by_master import by_master, with_private
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.machine.base import Machine

__getattr__ = elsewhere(__name__, "Notifier defer implementer interfaces log")


class States(enum.Enum):
    """Where a machine is on its way from off to on and back."""

    STOPPED = 0
    STARTING = 1
    STARTED = 2
    STOPPING = 3


@provides("ILatentMachine")
@with_private(
    "_stop",
    "_setMissingTimer",
    "_clearMissingTimer",
    "_setBuildWaitTimer",
    "_clearBuildWaitTimer",
)
class AbstractLatentMachine(Machine):
    """A subclass says how the machine starts and stops; the master decides when."""

    DEFAULT_MISSING_TIMEOUT = 20 * 60

    @recorded
    def checkConfig(
        self, name, build_wait_timeout=0, missing_timeout=DEFAULT_MISSING_TIMEOUT, **kwargs
    ):
        super().checkConfig(name, **kwargs)
        self.state = States.STOPPED
        self.latent_workers = []

    def reconfigService(
        self, name, build_wait_timeout=0, missing_timeout=DEFAULT_MISSING_TIMEOUT, **kwargs
    ):
        self.build_wait_timeout = build_wait_timeout
        self.missing_timeout = missing_timeout
        return super().reconfigService(name, **kwargs)

    def start_machine(self):
        """Overridden: starts the machine; a Deferred that says whether that worked."""
        raise NotImplementedError

    def stop_machine(self):
        """Overridden: stops the machine."""
        raise NotImplementedError

    @by_master
    def substantiate(self, starting_worker): ...

    @by_master
    def notifyBuildStarted(self): ...

    @by_master
    def notifyBuildFinished(self): ...

    def __repr__(self):
        return f"<AbstractLatentMachine '{self.name}' at {id(self)}>"
