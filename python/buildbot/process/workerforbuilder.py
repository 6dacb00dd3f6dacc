"""A worker as one of its builders sees it."""

from __future__ import annotations

import enum

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer log")


class States(enum.Enum):
    """What a worker does for a builder."""

    DETACHED = 0
    AVAILABLE = 1
    BUILDING = 2


class AbstractWorkerForBuilder:
    """A worker, and whether it can build for the builder."""

    _session = None

    def __init__(self, builder):
        self.ping_watchers = []
        self.state = None
        self.worker = None
        self.builder = builder
        self.builder_name = builder.name
        self.locks = None

    @classmethod
    def from_description(cls, data, builder, worker=None):
        """Of a dictionary: `state` (name of one of `States`), `available`, `commands`."""
        made = object.__new__(cls)
        AbstractWorkerForBuilder.__init__(made, builder)
        made.worker = worker
        made.state = States[data.get("state", "DETACHED")]
        made._available = data.get("available")
        made._commands = data.get("commands")
        return made

    def __repr__(self):
        words = [type(self).__name__]
        if self.builder_name:
            words.append(f"builder={self.builder_name!r}")
        if self.worker:
            words.append(f"worker={self.worker.workername!r}")
        if self.state is not None:
            words.append(f"state={self.state.name}")
        return f"<{' '.join(words)}>"

    def getWorkerCommandVersion(self, command, oldversion=None):
        """The version of a command; `oldversion` for a worker that does not tell."""
        commands = getattr(self, "_commands", None)
        if commands is None:
            commands = getattr(self.worker, "worker_commands", None)
        if commands is None:
            return oldversion
        return commands.get(command)

    def isAvailable(self):
        """Whether a build could start now, as far as the worker is concerned."""
        available = getattr(self, "_available", None)
        if available is not None:
            return available
        if self.isBusy():
            return False
        return self.worker.canStartBuild() if self.worker else False

    def isBusy(self):
        return self.state != States.AVAILABLE

    def buildStarted(self):
        self.state = States.BUILDING

    def buildFinished(self):
        self.state = States.AVAILABLE

    def attached(self, worker, commands):
        self.worker = worker
        self._commands = commands
        self.state = States.AVAILABLE

    def substantiate_if_needed(self, build):
        return runtime.ask(self, "substantiate")

    def insubstantiate_if_needed(self):
        """Only latent workers need it."""

    def ping(self):
        return runtime.ask(self, "ping")

    def abortPingIfAny(self):
        """Pings belong to the master."""

    def _pong(self, res):
        """Pings belong to the master."""

    def detached(self):
        self.worker = None
        self.state = States.DETACHED


class PingException(Exception):
    """A worker did not answer."""


class Ping:
    """Whether a connection still lives."""

    running = False

    def ping(self, conn):
        return runtime.ask(conn, "ping")

    def _pong(self, res):
        """Pings belong to the master."""

    def _ping_failed(self, res, conn):
        """Pings belong to the master."""


class WorkerForBuilder(AbstractWorkerForBuilder):
    """A worker that connects by itself."""

    def __init__(self, builder):
        super().__init__(builder)
        self.state = States.DETACHED

    def attached(self, worker, commands):
        super().attached(worker, commands)

    def detached(self):
        super().detached()


class LatentWorkerForBuilder(AbstractWorkerForBuilder):
    """A worker that the master starts when it is needed."""

    def __init__(self, worker, builder):
        super().__init__(builder)
        self.worker = worker
        self.state = States.AVAILABLE

    def substantiate_if_needed(self, build):
        return self.substantiate(build)

    def insubstantiate_if_needed(self):
        runtime.tell(self, "insubstantiate")

    def attached(self, worker, commands):
        super().attached(worker, commands)

    def substantiate(self, build):
        return runtime.ask(self, "substantiate")

    def ping(self):
        return runtime.ask(self, "ping")
