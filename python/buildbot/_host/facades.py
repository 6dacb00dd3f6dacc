"""The objects that user code gets to see in calls: builders, workers, requests, builds, the master.

The master sends them as values with what it knows at that moment (docs/formats/config-host.md).
What was not sent is asked for when it is used; methods of the reference that give a Deferred ask
the master, the others work on what was sent.
"""

from __future__ import annotations

from buildbot._host import master_link
from buildbot.process.properties import Properties, PropertiesMixin


def facade(values, value):
    """The object for a value of the master that is none of the plain kinds."""
    kind = value.get("$")
    cls = _FACADES.get(kind)
    if cls is not None:
        return cls(values, value)
    if kind == "properties":
        return properties_of(values, value)
    from buildbot._host.questions import Refused

    raise Refused(f"values of kind {kind!r} are not known here")


class _Unsent:
    """Stands for an attribute that was not sent: found by asking the master once."""


class Facade:
    """Base of all: ``_kind`` is the tag of its values, ``_key`` what the master knows it by."""

    _kind = ""
    # Names of attributes that may be asked for; others do not exist.
    _attributes: tuple = ()
    # Names of methods that the master carries out; each gives a Deferred.
    _asking: tuple = ()
    # Attributes whose absence means a constant.
    _defaults: dict = {}

    def __init__(self, values, value):
        self._values = values
        self._key = value.get("key")
        self._sent = value

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        sent = self.__dict__["_sent"]
        if name in sent:
            value = self._made(name, sent[name])
        elif name in self._defaults:
            value = self._defaults[name]
            if callable(value):
                value = value()
        elif name in self._asking:
            return self._asks(name)
        elif name in self._attributes:
            value = master_link.now(
                {"ask": "attribute", "of": self._describe_raw(None), "name": name},
                f"{self._title()}.{name}",
            )
        else:
            raise AttributeError(f"{self._title()!r} object has no attribute {name!r}")
        self.__dict__[name] = value
        return value

    def _made(self, name, value):
        return self._values.decoded(value)

    def _asks(self, name):
        def method(*args, **kwargs):
            return self._carried_out(name, args, kwargs)

        method.__name__ = name
        return method

    def _carried_out(self, name, args, kwargs):
        """A Deferred of what the master answers to a call of this object's method."""
        described = self._values.described
        return master_link.later(
            {
                "ask": "method",
                "on": self._describe_raw(None),
                "name": name,
                "args": [described(arg)[0] for arg in args],
                "kwargs": {key: described(arg)[0] for key, arg in kwargs.items()},
            },
            f"{self._title()}.{name}()",
        )

    def _told(self, name, *args):
        """As `_carried_out`, for methods that return nothing."""
        self._carried_out(name, args, {}).addErrback(_print_failure)

    def _describe_raw(self, _describer):
        return {"$": self._kind, "key": self._key}

    @classmethod
    def _title(cls):
        return cls.__name__

    def __eq__(self, other):
        if not isinstance(other, Facade):
            return NotImplemented
        return self._kind == other._kind and self._key == other._key

    def __hash__(self):
        return hash((self._kind, str(self._key)))


def _print_failure(failure):
    import sys

    sys.stderr.write(failure.getTraceback())


class Master(Facade):
    _kind = "master"
    _attributes = (
        "name",
        "masterid",
        "basedir",
        "config_version",
        "active",
    )
    _defaults = {"namedServices": dict}

    def __init__(self, values, value):
        super().__init__(values, value)
        state = self.__dict__
        state["data"] = _Remote("master.data", ("get", "control"), ("updates", "rtypes"))
        state["mq"] = _Remote("master.mq", ("startConsuming", "waitUntilEvent"), ())
        state["db"] = _Remote("master.db", (), None)
        state["namedServices"] = _Services()

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
    def secrets_manager(self):
        return self.namedServices["secrets"]

    def allSchedulers(self):
        return list(self.config.schedulers.values())


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


class _Remote:
    """A part of the master whose methods are carried out there."""

    def __init__(self, path, methods, parts):
        self._path = path
        self._methods = methods
        self._parts = parts

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if self._parts is None or name in self._parts:
            return _Remote(f"{self._path}.{name}", None, ())
        if self._methods is not None and name not in self._methods:
            raise AttributeError(f"{self._path} has no attribute {name!r}")
        path = f"{self._path}.{name}"

        def method(*args, **kwargs):
            from buildbot._host.values import Values

            described = Values().described
            return master_link.later(
                {
                    "ask": "master",
                    "method": path,
                    "args": [described(arg)[0] for arg in args],
                    "kwargs": {key: described(arg)[0] for key, arg in kwargs.items()},
                },
                f"{path}()",
            )

        method.__name__ = name
        return method


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
    _attributes = ("builders",)

    def maybeStartBuildsForBuilder(self, buildername):
        self._told("maybeStartBuildsForBuilder", buildername)

    def maybeStartBuildsForWorker(self, worker_name):
        self._told("maybeStartBuildsForWorker", worker_name)

    def maybeStartBuildsForAllBuilders(self):
        self._told("maybeStartBuildsForAllBuilders")

    def getBuildersForWorker(self, workername):
        return [b for b in self.builders.values() if workername in b.config.workernames]


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
    _asking = (
        "getBuilderId",
        "getBuilderIdForName",
        "getOldestRequestTime",
        "getNewestCompleteTime",
        "get_highest_priority",
        "canStartBuild",
    )
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
        return f"<Builder {self.name!r} at {id(self)}>"


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
        names = [f"builder={self.builder_name!r}"]
        if self.worker is not None:
            names.append(f"worker={self.worker.workername!r}")
        return f"<{self._class_name()} {' '.join(names)} state={self._sent.get('state')}>"

    def _class_name(self):
        return "LatentWorkerForBuilder" if self._sent.get("latent") else "WorkerForBuilder"


def _command_version(worker, command, oldversion):
    commands = worker.worker_commands if worker is not None else None
    if commands is None:
        return oldversion
    return commands.get(command)


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
        return _Remote(f"worker {self.workername}", None, ()) if self.isConnected() else None

    @property
    def quarantine_timeout(self):
        return self._sent.get("quarantine_timeout")

    @quarantine_timeout.setter
    def quarantine_timeout(self, value):
        pass

    def isConnected(self):
        return bool(self._sent.get("connected", True))

    def isPaused(self):
        return bool(self._sent.get("paused", False))

    def canStartBuild(self):
        return bool(self._sent.get("can_start_build", True))

    def pause(self, reason=None):
        self._told("pause", reason)

    def unpause(self):
        self._told("unpause")

    def putInQuarantine(self):
        self._told("putInQuarantine")

    def resetQuarantine(self):
        self._told("resetQuarantine")

    def exitQuarantine(self):
        self._told("exitQuarantine")

    def __repr__(self):
        return f"<Worker {self.workername!r}>"


class SourceStamp(Facade):
    """A source stamp of a request or a build."""

    _kind = "sourcestamp"
    _attributes = ()
    _defaults = {
        "branch": None,
        "revision": None,
        "repository": "",
        "project": "",
        "codebase": "",
        "ssid": None,
        "patch": None,
        "patch_info": None,
        "changes": list,
    }

    def asDict(self):
        patch = self.patch or (None, None, None)
        author, comment = self.patch_info or (None, None)
        return {
            "branch": self.branch,
            "codebase": self.codebase,
            "patch_author": author,
            "patch_body": patch[1],
            "patch_comment": comment,
            "patch_level": patch[0],
            "patch_subdir": patch[2] if len(patch) > 2 else None,
            "project": self.project,
            "repository": self.repository,
            "revision": self.revision,
        }

    def asSSDict(self):
        return {**self.asDict(), "ssid": self.ssid}


class Change(Facade):
    """A change; every key of its dictionary is an attribute."""

    _kind = "change"
    _defaults = {
        "author": "",
        "committer": None,
        "comments": "",
        "files": list,
        "branch": None,
        "revision": None,
        "category": None,
        "revlink": "",
        "repository": "",
        "codebase": "",
        "project": "",
        "when_timestamp": None,
        "changeid": None,
        "properties": Properties,
    }

    @property
    def who(self):
        return self.author

    def asChDict(self):
        sent = {
            name: self._values.decoded(value)
            for name, value in self._sent.items()
            if name not in ("$", "key", "properties")
        }
        sent["properties"] = self.properties.asDict()
        return sent

    def asDict(self):
        return {**self.asChDict(), "properties": self.properties.asList()}

    def __str__(self):
        return (
            f"Change(revision={self.revision!r}, who={self.author!r}, "
            f"branch={self.branch!r}, comments={self.comments!r}, files={self.files!r})"
        )


class BuildRequest(Facade):
    """A request for a build."""

    _kind = "request"
    _attributes = ("master",)
    _defaults = {
        "id": None,
        "bsid": None,
        "buildername": None,
        "builderid": None,
        "priority": 0,
        "submittedAt": None,
        "waitedFor": False,
        "reason": "",
        "properties": Properties,
        "sources": dict,
    }

    def getSubmitTime(self):
        return self.submittedAt

    def mergeSourceStampsWith(self, others):
        merged = {}
        for codebase, source in self.sources.items():
            stamps = [source]
            stamps += [o.sources[codebase] for o in others if codebase in o.sources]
            changed = [stamp for stamp in stamps if stamp.changes]
            merged[codebase] = max(
                changed, key=lambda stamp: max(c.changeid or 0 for c in stamp.changes)
            ) if changed else source
        for other in others:
            for codebase, source in other.sources.items():
                merged.setdefault(codebase, source)
        return list(merged.values())

    def mergeReasons(self, others):
        reasons = []
        for request in (self, *others):
            if request.reason and request.reason not in reasons:
                reasons.append(request.reason)
        return ", ".join(reasons)

    def __repr__(self):
        return f"<BuildRequest {self.id} of {self.buildername!r}>"


class Build(Facade, PropertiesMixin):
    """A build, as functions and renderers see it."""

    _kind = "build"
    set_runtime_properties = True
    _attributes = ("builder", "master", "workerforbuilder", "requests", "sources", "conn")
    _asking = ("getUrl", "getBuilderId", "get_buildid", "waitUntilFinished", "stopBuild")
    _defaults = {
        "reason": "",
        "buildid": None,
        "number": None,
        "results": None,
        "finished": False,
        "stopped": False,
        "stopped_reason": None,
        "workername": None,
        "worker_info": dict,
        "workdir": None,
        "env": dict,
        "locks": list,
        "text": list,
        "executedSteps": list,
        "currentStep": None,
        "steps": list,
        "useProgress": True,
        "terminate": False,
        "sources": list,
        "requests": list,
        "url": None,
    }

    def _made(self, name, value):
        made = super()._made(name, value)
        if name == "properties":
            made.build = self
        return made

    @property
    def properties(self):
        made = self.__dict__.get("_properties")
        if made is None:
            made = properties_of(self._values, self._sent.get("properties") or {})
            made.build = self
            self.__dict__["_properties"] = made
        return made

    def getProperties(self):
        return self.properties

    def setProperty(self, propname, value, source="Unknown", runtime=None):
        super().setProperty(propname, value, source, runtime)
        if master_link.is_connected():
            self._told("setProperty", propname, value, source)

    def getBuild(self):
        return self

    @property
    def path_module(self):
        return self.workerforbuilder.worker.path_module

    @property
    def path_cls(self):
        return self.workerforbuilder.worker.path_cls

    def getSourceStamp(self, codebase=""):
        for source in self.sources:
            if source.codebase == codebase:
                return source
        return None

    def getAllSourceStamps(self):
        return list(self.sources)

    def allChanges(self):
        return [change for source in self.sources for change in source.changes]

    def allFiles(self):
        return [name for change in self.allChanges() for name in change.files]

    def blamelist(self):
        names = {change.who for change in self.allChanges()}
        names.update(source.patch_info[0] for source in self.sources if source.patch_info)
        return sorted(names)

    def changesText(self):
        changes = [str(change) for change in self.allChanges()]
        return "\n\n".join(changes) + "\n\n" if changes else ""

    def getWorkerName(self):
        return self.workername

    def getWorkerInfo(self):
        return self.worker_info

    def getWorkerCommandVersion(self, command, oldversion=None):
        return self.workerforbuilder.getWorkerCommandVersion(command, oldversion)

    def addStepsAfterCurrentStep(self, step_factories):
        self._told("addStepsAfterCurrentStep", step_factories)

    def addStepsAfterLastStep(self, step_factories):
        self._told("addStepsAfterLastStep", step_factories)

    def getSummaryStatistic(self, name, summary_fn, initial_value=None):
        total = initial_value
        for step in self.executedSteps:
            statistics = getattr(step, "statistics", {})
            if name in statistics:
                value = statistics[name]
                total = value if total is None else summary_fn(total, value)
        return total

    def __repr__(self):
        return f"<Build {self.builder.name} number:{self.number!r} results:{self.results!r}>"


class Step(Facade):
    """A step, as ``doStepIf`` and ``hideStepIf`` see it."""

    _kind = "step"
    _attributes = ("build", "master")
    _defaults = {
        "name": None,
        "results": None,
        "stepid": None,
        "statistics": dict,
        "logs": dict,
        "description": None,
        "descriptionDone": None,
        "descriptionSuffix": None,
        "stopped": False,
        "rendered": True,
    }

    @property
    def worker(self):
        return self.build.workerforbuilder.worker

    def getProperties(self):
        return self.build.getProperties()

    def getProperty(self, propname, default=None):
        return self.build.getProperty(propname, default)

    def hasProperty(self, propname):
        return self.build.hasProperty(propname)

    def setProperty(self, propname, value, source="Unknown", runtime=None):
        self.build.setProperty(propname, value, source, runtime)

    def render(self, value):
        return self.build.render(value)

    def getWorkerName(self):
        return self.build.getWorkerName()

    def getStatistic(self, name, default=None):
        return self.statistics.get(name, default)

    def hasStatistic(self, name):
        return name in self.statistics


_FACADES = {
    cls._kind: cls
    for cls in (
        Master,
        Botmaster,
        Builder,
        WorkerForBuilder,
        Worker,
        SourceStamp,
        Change,
        BuildRequest,
        Build,
        Step,
    )
}


def properties_of(values, value):
    """The `Properties` for a value ``{"$": "properties", "v": [[name, value, source, …]], …}``."""
    decoded = values.decoded
    made = Properties()
    for name, part, source, *runtime in value.get("v") or ():
        made.properties[name] = (decoded(part), source)
        if runtime and runtime[0]:
            made.runtime.add(name)
    if value.get("sourcestamps") is not None:
        made.sourcestamps = [_plain(decoded, stamp) for stamp in value["sourcestamps"]]
    if value.get("changes") is not None:
        made.changes = [_plain(decoded, change) for change in value["changes"]]
    if value.get("build") is not None:
        build = decoded(value["build"])
        build.__dict__["_properties"] = made
        made.build = build
    made.master = Master(values, value.get("master") or {"$": "master", "key": None})
    return made


def _plain(decoded, value):
    """A dictionary of the data API: an object without ``$``, or a value."""
    if isinstance(value, dict) and "$" not in value:
        return {name: decoded(part) for name, part in value.items()}
    return decoded(value)
