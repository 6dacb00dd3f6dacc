"""Workers that the master starts when there is something to build."""

from __future__ import annotations

import enum

from buildbot._host.by_master import by_master, with_private
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.worker.base import AbstractWorker

__getattr__ = elsewhere(
    __name__,
    "ILatentMachine ILatentWorker LatentWorkerFailedToSubstantiate "
    "LatentWorkerSubstantiatiationCancelled Notifier defer failure implementer log",
)


class States(enum.Enum):
    """Where a latent worker is on its way from nothing to an instance and back."""

    NOT_SUBSTANTIATED = 0
    SUBSTANTIATING = 1
    SUBSTANTIATING_STARTING = 2
    SUBSTANTIATED = 3
    INSUBSTANTIATING = 4
    INSUBSTANTIATING_SUBSTANTIATING = 5
    SHUT_DOWN = 6


@provides("ILatentWorker")
@with_private(
    "_substantiate",
    "_substantiation_failed",
    "_fireSubstantiationNotifier",
    "_soft_disconnect",
    "_setBuildWaitTimer",
    "_clearBuildWaitTimer",
    "_log_start_stop_locked",
    "_start_check_instance_timer",
    "_stop_check_instance_timer",
    "_check_instance_timer_fired",
    "_check_instance_timer_fired_impl",
)
class AbstractLatentWorker(AbstractWorker):
    """A subclass says how an instance starts and stops; the master decides when."""

    substantiation_build = None
    build_wait_timer = None
    start_missing_on_startup = False
    starts_without_substantiate = False
    state = States.NOT_SUBSTANTIATED

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)

    @recorded
    def checkConfig(
        self, name, password, build_wait_timeout=60 * 10, check_instance_interval=10, **kwargs
    ):
        super().checkConfig(name, password, **kwargs)

    def reconfigService(
        self, name, password, build_wait_timeout=60 * 10, check_instance_interval=10, **kwargs
    ):
        self.build_wait_timeout = build_wait_timeout
        self.check_instance_interval = check_instance_interval
        return super().reconfigService(name, password, **kwargs)

    def _generate_random_password(self):
        import secrets
        import string

        letters = string.ascii_letters + string.digits
        return "".join(secrets.choice(letters) for _ in range(20))

    def getRandomPass(self):
        """A password for a new instance; that of a running one stays as it is."""
        if self.state == States.SUBSTANTIATED and self.password is not None:
            return self.password
        return self._generate_random_password()

    def failed_to_start(self, instance_id, instance_state):
        from buildbot.interfaces import LatentWorkerFailedToSubstantiate

        raise LatentWorkerFailedToSubstantiate(instance_id, instance_state)

    # Overridden by every kind of latent worker.

    def start_instance(self, build):
        raise NotImplementedError

    def stop_instance(self, fast=False):
        raise NotImplementedError

    def check_instance(self):
        return (True, "")

    @property
    def building(self):
        """The builders of this worker that build at this moment."""
        return {wfb for wfb in self.workerforbuilders.values() if wfb.isBusy()}

    @property
    def substantiated(self):
        return self.state == States.SUBSTANTIATED and self.conn is not None

    @by_master
    def substantiate(self, wfb, build): ...

    @by_master
    def insubstantiate(self, fast=False, force_substantiation_build=None): ...

    @by_master
    def attached(self, conn): ...

    @by_master
    def attachBuilder(self, builder): ...

    @by_master
    def canStartBuild(self): ...

    @by_master
    def buildStarted(self, wfb): ...

    @by_master
    def buildFinished(self, wfb): ...

    @by_master
    def disconnect(self): ...

    @by_master
    def stopService(self): ...

    @by_master
    def updateWorker(self): ...


class LocalLatentWorker(AbstractLatentWorker):
    """A worker on a machine that the master starts and stops."""

    starts_without_substantiate = True

    @recorded
    def checkConfig(self, name, password, **kwargs):
        super().checkConfig(name, password, build_wait_timeout=-1, **kwargs)

    def reconfigService(self, name, password, **kwargs):
        return super().reconfigService(name, password, build_wait_timeout=-1, **kwargs)
