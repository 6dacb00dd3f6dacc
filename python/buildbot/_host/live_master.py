"""The master, its builders and its workers, as user code sees them in calls."""

from __future__ import annotations

from buildbot._host import live_data, live_db, live_mq, master_link
from buildbot._host.facades import Facade
from buildbot._host.runtime import inline
from buildbot.data.resultspec import Filter
from buildbot.process.properties import Properties


class Master(Facade):
    _kind = "master"
    _attributes = (
        "name",
        "masterid",
        "basedir",
        "config_version",
        "workers_by_name",
    )
    _defaults = {"active": True}

    def __init__(self, values, value):
        super().__init__(values, value)
        state = self.__dict__
        state["data"] = data = live_data.Data()
        state["mq"] = live_mq.MessageQueue()
        state["db"] = live_db.Database(data)
        state["namedServices"] = _Services()

    @property
    def workers(self):
        """As the manager of workers: its `workers` by name, as they are now."""
        return _Workers(workers=self._asked("workers_by_name"))

    @property
    def machine_manager(self):
        machines = dict(self._values.loaded.named("machines"))
        workers = self.workers.workers.values() if machines else ()
        for name, machine in machines.items():
            machine.workers = [worker for worker in workers if worker.machine_name == name]
        return _Machines(machines=machines)

    @property
    def caches(self):
        """Those of this process."""
        if not _caches:
            from buildbot.process.cache import CacheManager

            _caches.append(CacheManager())
            _caches[0].config = self.config.caches
        return _caches[0]

    @property
    def scheduler_manager(self):
        return _Named(namedServices=dict(self.config.schedulers))

    @property
    def reactor(self):
        from buildbot._host.deferreds import defer_module

        defer_module()
        from twisted.internet import reactor

        return reactor

    @property
    def config(self):
        return _MasterSettings(self._values.loaded)

    @property
    def botmaster(self):
        return Botmaster(self._values, {"$": "botmaster", "key": None, "master": self._sent})

    @property
    def httpservice(self):
        """Sends requests of custom services, from this process."""
        from buildbot.util.httpclientservice import HTTPClientService

        return HTTPClientService("")

    @property
    def secrets_manager(self):
        return self.namedServices["secrets"]

    def allSchedulers(self):
        return list(self.config.schedulers.values())


_caches: list = []


class _Named:
    """A part of the master of which only some attributes are here."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class _Workers(_Named):
    name = "WorkerManager"

    @property
    def namedServices(self):
        return self.workers

    def getWorkerByName(self, workerName):
        return self.workers[workerName]


class _Machines(_Named):
    name = "MachineManager"

    @property
    def namedServices(self):
        return self.machines

    def getMachineByName(self, name):
        return self.machines.get(name)


class _Services(dict):
    """``master.namedServices``: of it only the secrets."""

    def get(self, name, default=None):
        return _Secrets() if name == "secrets" else default

    def __getitem__(self, name):
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name):
        return name == "secrets"


class _Secrets:
    def get(self, name, *args, **kwargs):
        """Deferred of the details of a secret, or of None."""
        asked = master_link.later(
            {"ask": "secret", "name": name}, f"the secret {name!r}"
        )

        def details(value):
            if value is None:
                return None
            return _SecretDetails(value["source"], name, value["value"])

        return asked.addCallback(details)


class _SecretDetails:
    def __init__(self, source, key, value):
        self.source = source
        self.key = key
        self.value = value


class _MasterSettings:
    """``master.config``: the settings of the file that was executed."""

    def __init__(self, loaded):
        self._settings = loaded.settings or {}

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        from buildbot.config.master import MasterConfig

        config = MasterConfig()
        for key, value in self._settings.items():
            if isinstance(key, str):
                config._set(key, value, "master.cfg")
        self.__dict__.update(vars(config))
        return getattr(config, name)


class Botmaster(Facade):
    _kind = "botmaster"
    _asking = ("cleanShutdown",)
    _attributes = ("builders", "master")
    name = "botmaster"

    @property
    def shuttingDown(self):
        return self._asked("shuttingDown")

    def cancelCleanShutdown(self):
        self._told("cancelCleanShutdown")

    def getBuildernames(self):
        return list(self.builders)

    def getBuilders(self):
        return list(self.builders.values())

    def maybeStartBuildsForBuilder(self, buildername):
        self._told("maybeStartBuildsForBuilder", buildername)

    def maybeStartBuildsForWorker(self, worker_name):
        self._told("maybeStartBuildsForWorker", worker_name)

    def maybeStartBuildsForAllBuilders(self):
        self._told("maybeStartBuildsForAllBuilders")

    def getBuildersForWorker(self, workername):
        return [b for b in self.builders.values() if workername in b.config.workernames]

    def getBuilderById(self, builderid):
        for builder in self.builders.values():
            if builder._key == builderid:
                return builder
        return None


class Builder(Facade):
    """A builder. Its `config` is the object that the configuration made."""

    _kind = "builder"
    _attributes = (
        "name",
        "config_version",
        "master",
        "project_name",
        "project_id",
        "building",
        "workers",
        "attaching_workers",
    )
    _asking = ("canStartBuild",)
    _defaults = {
        "running": True,
        "expectations": None,
        "old_building": dict,
        "project_name": None,
        "project_id": None,
        "attaching_workers": list,
    }

    @property
    def config(self):
        loaded = self._values.loaded
        return loaded.builders.get(self.name) if loaded is not None else None

    @property
    def botmaster(self):
        return self.master.botmaster

    def getBuilderId(self):
        from buildbot._host.deferreds import defer_module

        return defer_module().succeed(self._key)

    def getBuilderIdForName(self, name):
        return live_data.find("builder", name)

    def getOldestRequestTime(self):
        return self._of_request("submitted_at", "submitted_at", claimed=False)

    def getNewestCompleteTime(self):
        return self._of_request("complete_at", "-complete_at", complete=True)

    def get_highest_priority(self):
        return self._of_request("priority", "-priority", claimed=False)

    @inline
    def _of_request(self, field, order, **equal):
        """A field of the first of its requests in some order, or None."""
        found = yield live_data.Data().get(
            ("builders", self._key, "buildrequests"),
            filters=[Filter(name, "eq", [value]) for name, value in equal.items()],
            order=[order],
            limit=1,
        )
        return found[0][field] if found else None

    def getAvailableWorkers(self):
        return [wfb for wfb in self.workers if wfb.isAvailable()]

    def getBuild(self, number):
        for build in self.building:
            if build.number == number:
                return build
        return None

    def getCollapseRequestsFn(self):
        collapse = self.config.collapseRequests
        if collapse is None:
            settings = self._values.loaded.settings or {}
            collapse = settings.get("collapseRequests")
        if collapse is False:
            return None
        if collapse is None or collapse is True:
            from buildbot.process.buildrequest import BuildRequest

            return lambda master, builder, new, old: BuildRequest.canBeCollapsed(
                master, new, old
            )
        return collapse

    def __repr__(self):
        return f"<Builder '{self._sent.get('name')!r}' at {id(self)}>"


class _States:
    """Names of the states of a worker for a builder, comparable with the enumeration's."""

    @staticmethod
    def named(name):
        from buildbot.process.workerforbuilder import States

        return States[name]


class WorkerForBuilder(Facade):
    """One worker as one builder sees it."""

    _kind = "wfb"
    _attributes = ("builder", "worker", "builder_name")
    _asking = ("ping",)
    _defaults = {"locks": None}

    @property
    def state(self):
        return _States.named(self._sent.get("state", "DETACHED"))

    def isAvailable(self):
        return bool(self._sent.get("available", self._sent.get("state") == "AVAILABLE"))

    def isBusy(self):
        return self._sent.get("state") != "AVAILABLE"

    def getWorkerCommandVersion(self, command, oldversion=None):
        return _command_version(self.worker, command, oldversion)

    def __repr__(self):
        # Nothing is asked for the sake of a text.
        names = [f"builder={self._sent.get('builder_name')!r}"]
        if self._sent.get("worker") is not None:
            names.append(f"worker={self.worker.workername!r}")
        return f"<{self._class_name()} {' '.join(names)} state={self._sent.get('state')}>"

    def _class_name(self):
        return "LatentWorkerForBuilder" if self._sent.get("latent") else "WorkerForBuilder"


def _command_version(worker, command, oldversion):
    commands = worker.worker_commands if worker is not None else None
    if commands is None:
        return oldversion
    return commands.get(command)


class _Connection:
    """The connection to a worker, which the master holds."""

    def __init__(self, worker):
        self.worker = worker

    def get_peer(self):
        return self.worker._asked("peer")

    def remotePrint(self, message):
        return self.worker._carried_out("remotePrint", (message,), {})

    def loseConnection(self):
        self.worker._told("loseConnection")

    def _run_command(self, name, args, builder_name):
        """A Deferred of all that the worker reports of a command of no step: (key, value) pairs."""
        return self.worker._carried_out("runCommand", (name, args, builder_name), {})

    def __getattr__(self, name):
        return live_data.missing("worker.conn", name, _CONNECTION)


_CONNECTION = frozenset(
    "remoteGetWorkerInfo remoteSetBuilderList remoteStartCommand remoteShutdown remoteStartBuild "
    "remoteInterruptCommand notifyOnDisconnect notifyDisconnected waitShutdown".split()
)


class Worker(Facade):
    """A worker."""

    _kind = "worker"
    _attributes = (
        "workername",
        "password",
        "max_builds",
        "notify_on_missing",
        "missing_timeout",
        "machine_name",
        "properties",
        "defaultProperties",
        "info",
        "worker_commands",
        "worker_environ",
        "worker_basedir",
        "worker_system",
        "workerid",
        "workerforbuilders",
        "master",
        "lastMessageReceived",
    )
    _defaults = {
        "machine_name": None,
        "max_builds": None,
        "notify_on_missing": list,
        "missing_timeout": None,
        "workerid": None,
        "properties": Properties,
        "defaultProperties": Properties,
        "info": Properties,
    }

    _computing = ("worker_system", "worker_basedir")

    def _computed(self, name):
        return self.info.getProperty(name.removeprefix("worker_"))

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            # What the configuration has set there, or its class.
            configured = self._values.loaded and self._configured
            if name.startswith("_") or configured is None:
                raise
            return getattr(configured, name)

    @property
    def _configured(self):
        return self._values.loaded.named("workers").get(self.workername)

    def __setattr__(self, name, value):
        self.__dict__[name] = value
        if name == "quarantine_timeout":
            self._told("setQuarantineTimeout", value)

    @property
    def name(self):
        return self.workername

    @property
    def botmaster(self):
        return self.master.botmaster

    @property
    def path_module(self):
        import ntpath
        import posixpath

        return ntpath if self.worker_system == "nt" else posixpath

    @property
    def path_cls(self):
        import pathlib

        if self.worker_system == "nt":
            return pathlib.PureWindowsPath
        return pathlib.PurePosixPath

    @property
    def conn(self):
        return _Connection(self) if self._sent.get("connected", True) else None

    @property
    def machine(self):
        if self.machine_name is None:
            return None
        return self.master.machine_manager.getMachineByName(self.machine_name)

    @property
    def registration(self):
        from buildbot.worker.manager import WorkerRegistration

        return WorkerRegistration(self.master, self)

    @property
    def quarantine_timeout(self):
        return self._asked("quarantine_timeout")

    @quarantine_timeout.setter
    def quarantine_timeout(self, value):
        pass

    def isConnected(self):
        return self.conn

    def isPaused(self):
        return bool(self.__dict__.get("_paused", self._sent.get("paused", False)))

    def canStartBuild(self):
        return bool(self._sent.get("can_start_build", True))

    def pause(self, reason=None):
        self._told("pause", reason)
        self.__dict__["_paused"] = True

    def unpause(self):
        self._told("unpause")
        self.__dict__["_paused"] = False

    def putInQuarantine(self):
        self._told("putInQuarantine")

    def resetQuarantine(self):
        self._told("resetQuarantine")

    def exitQuarantine(self):
        self._told("exitQuarantine")

    def __repr__(self):
        return f"<Worker {self._sent.get('workername')!r}>"


CLASSES = (Master, Botmaster, Builder, WorkerForBuilder, Worker)
