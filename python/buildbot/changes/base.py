"""Base classes of what finds changes."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.util.service import ClusteredBuildbotService

__getattr__ = elsewhere(__name__, "IChangeSource config defer implementer log service")


@provides("IChangeSource")
class ChangeSource(ClusteredBuildbotService):
    """Adds changes with ``self.master.data.updates.addChange`` while it is active."""

    def describe(self):
        """One line for people."""

    @by_master
    def _getServiceId(self): ...

    @by_master
    def _claimService(self): ...

    @by_master
    def _unclaimService(self): ...


class ReconfigurablePollingChangeSource(ChangeSource):
    """Looks for changes every `pollInterval` seconds: a subclass says how in `poll`."""

    pollInterval = None
    pollAtLaunch = None
    pollRandomDelayMin = None
    pollRandomDelayMax = None

    @recorded
    def checkConfig(
        self,
        name: str | None = None,
        pollInterval: int = 60 * 10,
        pollAtLaunch: bool = False,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
        super().checkConfig(name=name)
        if pollInterval < 0:
            config_error(f"interval must be >= 0: {pollInterval}")
        if pollRandomDelayMin < 0:
            config_error(f"min random delay must be >= 0: {pollRandomDelayMin}")
        if pollRandomDelayMax < 0:
            config_error(f"max random delay must be >= 0: {pollRandomDelayMax}")
        if pollRandomDelayMin > pollRandomDelayMax:
            config_error(
                f"min random delay must be <= {pollRandomDelayMax}: {pollRandomDelayMin}"
            )
        if pollRandomDelayMax >= pollInterval:
            config_error(f"max random delay must be < {pollInterval}: {pollRandomDelayMax}")

    def reconfigService(
        self,
        name: str | None = None,
        pollInterval: int = 60 * 10,
        pollAtLaunch: bool = False,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
        self.pollInterval = pollInterval
        self.pollAtLaunch = pollAtLaunch
        self.pollRandomDelayMin = pollRandomDelayMin
        self.pollRandomDelayMax = pollRandomDelayMax
        return super().reconfigService(name=name)

    def poll(self):
        """Overridden: looks for changes; may return a Deferred."""

    @by_master
    def doPoll(self): ...

    @by_master
    def force(self): ...

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...
