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
        return _Named(workers=self._asked("workers_by_name"))

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


class _Named:
    """A part of the master of which only some attributes are here."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


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
    _asking = ("cleanShutdown", "cancelCleanShutdown")
    _attributes = ("builders", "master")

    def maybeStartBuildsForBuilder(self, buildername):
        self._told("maybeStartBuildsForBuilder", buildername)

    def maybeStartBuildsForWorker(self, worker_name):
        self._told("maybeStartBuildsForWorker", worker_name)

    def maybeStartBuildsForAllBuilders(self):
        self._told("maybeStartBuildsForAllBuilders")

    def getBuildersForWorker(self, workername):
        return [b for b in self.builders.values() if workername in b.config.workernames]

    @inline
    def getBuilderById(self, builderid):
        for builder in self.builders.values():
            if (yield builder.getBuilderId()) == builderid:
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
        return f"<Builder {self._sent.get('name')!r} at {id(self)}>"


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

    def __init__(self, workername):
        self.workername = workername

    def __getattr__(self, name):
        return live_data.missing(f"worker {self.workername}", name, _CONNECTION)


_CONNECTION = frozenset(
    "remotePrint remoteGetWorkerInfo remoteSetBuilderList remoteStartCommand remoteShutdown "
    "remoteStartBuild remoteInterruptCommand loseConnection notifyDisconnected".split()
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
        "machine",
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
        "machine": None,
        "machine_name": None,
        "max_builds": None,
        "password": None,
        "notify_on_missing": list,
        "missing_timeout": None,
        "worker_commands": None,
        "worker_environ": dict,
        "worker_basedir": None,
        "worker_system": None,
        "workerid": None,
        "workerforbuilders": dict,
        "lastMessageReceived": 0,
        "properties": Properties,
        "defaultProperties": Properties,
        "info": Properties,
        "registration": None,
    }

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
        return _Connection(self.workername) if self.isConnected() else None

    @property
    def quarantine_timeout(self):
        return self._sent.get("quarantine_timeout")

    @quarantine_timeout.setter
    def quarantine_timeout(self, value):
        pass

    def isConnected(self):
        return bool(self._sent.get("connected", True))

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
