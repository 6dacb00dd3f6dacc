"""Workers that connect by themselves."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process.properties import Properties
from buildbot.util import bytes2unicode
from buildbot.util.service import BuildbotService, settled

__getattr__ = elsewhere(
    __name__,
    "IWorker Notifier config defer deferwaiter implementer log metrics service",
)


def _worker_properties(name, machine_name, given):
    properties = Properties()
    properties.update(given or {}, "Worker")
    properties.setProperty("workername", name, "Worker")
    if machine_name is not None:
        properties.setProperty("machine_name", machine_name, "Worker")
    return properties


def _default_properties(given):
    properties = Properties()
    properties.update(given or {}, "Worker")
    return properties


@provides("IWorker")
@with_private(
    "_applyWorkerInfo",
    "_getWorkerInfo",
    "_disconnect",
    "_lockReleased",
    "_missing_timer_fired",
    "_update_graceful",
    "_update_paused",
    "_handle_conn_shutdown_notifier",
    "_waitForCompleteShutdownImpl",
)
class AbstractWorker(BuildbotService):
    """One machine, container or account that builds."""

    quarantine_timer = None
    quarantine_timeout = quarantine_initial_timeout = 10
    quarantine_max_timeout = 60 * 60
    start_missing_on_startup = True
    DEFAULT_MISSING_TIMEOUT = 3600
    DEFAULT_KEEPALIVE_INTERVAL = 3600
    builds_may_be_incompatible = False

    # What the master learns from a connected worker.
    conn = None
    worker_commands = None
    PathCls = None
    workerid = None
    registration = None
    manager = None
    machine = None
    missing_timer = None
    lastMessageReceived = 0

    @recorded
    def checkConfig(
        self,
        name,
        password,
        max_builds=None,
        notify_on_missing=None,
        missing_timeout=None,
        properties=None,
        defaultProperties=None,
        locks=None,
        keepalive_interval=DEFAULT_KEEPALIVE_INTERVAL,
        machine_name=None,
    ):
        self.name = name = bytes2unicode(name)
        self.machine_name = machine_name
        self.password = password
        self.workerforbuilders = {}
        self.info = Properties()
        self.lock_subscriptions = []
        self.properties = _worker_properties(name, machine_name, properties)
        self.defaultProperties = _default_properties(defaultProperties)
        self.max_builds = max_builds
        self.access = locks or []
        if notify_on_missing is None:
            notify_on_missing = []
        elif isinstance(notify_on_missing, str):
            notify_on_missing = [notify_on_missing]
        self.notify_on_missing = notify_on_missing
        for address in notify_on_missing:
            if not isinstance(address, str):
                config_error(f"notify_on_missing arg {address!r} is not a string")
        self.missing_timeout = missing_timeout

    def reconfigService(
        self,
        name,
        password,
        max_builds=None,
        notify_on_missing=None,
        missing_timeout=DEFAULT_MISSING_TIMEOUT,
        properties=None,
        defaultProperties=None,
        locks=None,
        keepalive_interval=DEFAULT_KEEPALIVE_INTERVAL,
        machine_name=None,
    ):
        self.max_builds = max_builds
        self.access = locks or []
        if notify_on_missing is None:
            notify_on_missing = []
        elif isinstance(notify_on_missing, str):
            notify_on_missing = [notify_on_missing]
        self.notify_on_missing = notify_on_missing
        self.missing_timeout = missing_timeout
        self.properties = _worker_properties(self.name, machine_name, properties)
        self.defaultProperties = _default_properties(defaultProperties)
        self.machine_name = machine_name
        if not hasattr(password, "getRenderingFor"):
            self.password = password
            return settled()

        def take(rendered):
            self.password = rendered

        return self.renderSecrets(password).addCallback(take)

    def __repr__(self):
        return f"<{type(self).__name__} {self.name!r}>"

    @property
    def workername(self):
        return self.name

    @property
    def botmaster(self):
        return None if self.master is None else self.master.botmaster

    # Hooks: users override them and call ours.

    def isCompatibleWithBuild(self, build_props):
        return settled(True)

    @by_master
    def startService(self): ...

    @by_master
    def stopService(self): ...

    @by_master
    def attached(self, conn): ...

    @by_master
    def detached(self): ...

    @by_master
    def disconnect(self): ...

    @by_master
    def buildStarted(self, wfb): ...

    @by_master
    def buildFinished(self, wfb): ...

    @by_master
    def canStartBuild(self): ...

    @by_master
    def shutdownRequested(self): ...

    @by_master
    def shutdown(self): ...

    @by_master
    def maybeShutdown(self): ...

    # What the master does with a worker, and custom code may ask for.

    @by_master
    def updateLocks(self): ...

    @by_master
    def locksAvailable(self): ...

    @by_master
    def acquireLocks(self): ...

    @by_master
    def releaseLocks(self): ...

    @by_master
    def startMissingTimer(self): ...

    @by_master
    def stopMissingTimer(self): ...

    @by_master
    def isConnected(self): ...

    @by_master
    def updateWorker(self): ...

    @by_master
    def messageReceivedFromWorker(self): ...

    @by_master
    def setupProperties(self, props): ...

    @by_master
    def waitForCompleteShutdown(self): ...

    @by_master
    def sendBuilderList(self): ...

    @by_master
    def attachBuilder(self, builder): ...

    @by_master
    def controlWorker(self, key, params): ...

    @by_master
    def addWorkerForBuilder(self, wfb): ...

    @by_master
    def removeWorkerForBuilder(self, wfb): ...

    @by_master
    def pause(self, reason): ...

    @by_master
    def unpause(self): ...

    @by_master
    def isPaused(self): ...

    @by_master
    def resetQuarantine(self): ...

    @by_master
    def putInQuarantine(self): ...

    @by_master
    def exitQuarantine(self): ...

    @by_master
    def stopQuarantineTimer(self): ...


class Worker(AbstractWorker):
    """An ordinary worker."""

    @by_master
    def attached(self, conn): ...

    @by_master
    def detached(self): ...

    @by_master
    def buildFinished(self, wfb): ...
