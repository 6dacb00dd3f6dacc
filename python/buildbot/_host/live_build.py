"""Requests, builds and what they consist of, as user code sees them in calls."""

from __future__ import annotations

from buildbot._host.deferreds import defer_module
from buildbot._host.facades import Facade, properties_of
from buildbot._host.known_build import KnownBuild
from buildbot.process._running_step import WorkerQuestions
from buildbot.process.properties import Properties, PropertiesMixin


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
        "changes": list,
    }

    @property
    def patch_info(self):
        sent = self._sent.get("patch_info")
        return (None, None) if sent is None else self._values.decoded(sent)

    def asDict(self):
        patch = self.patch or (None, None, None)
        author, comment = self.patch_info
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
        """As the data interface has it."""
        patch = None
        if self.patch is not None:
            level, body, subdir = self.patch
            author, comment = self.patch_info
            patch = {
                "author": author,
                "body": body,
                "comment": comment,
                "level": level,
                "patchid": self._sent.get("patchid"),
                "subdir": subdir,
            }
        return {
            "branch": self.branch,
            "codebase": self.codebase,
            "created_at": self.created_at,
            "patch": patch,
            "project": self.project,
            "repository": self.repository,
            "revision": self.revision,
            "ssid": self.ssid,
        }


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

    @property
    def when(self):
        return self.when_timestamp

    def getTime(self):
        from buildbot.changes.changes import Change as Stored

        return Stored.getTime(self)

    def asText(self):
        from buildbot.changes.changes import Change as Stored

        return Stored.asText(self)

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

    @staticmethod
    def canBeCollapsed(master, new_br, old_br):
        from buildbot.process.buildrequest import BuildRequest as Importable

        return Importable.canBeCollapsed(master, new_br, old_br)

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


class Build(Facade, KnownBuild, PropertiesMixin):
    """A build, as functions and renderers see it."""

    _kind = "build"
    set_runtime_properties = True
    _attributes = ("builder", "master", "workerforbuilder", "requests", "sources")
    _asking = ("waitUntilFinished", "stopBuild")
    _computing = ("executedSteps", "currentStep", "steps", "stepnames")
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
        "env": dict,
        "locks": list,
        "text": list,
        "useProgress": True,
        "terminate": False,
        "sources": list,
        "requests": list,
        "url": None,
    }

    @property
    def properties(self):
        made = self.__dict__.get("_properties")
        if made is None:
            made = properties_of(self._values, self._sent.get("properties") or {}, self)
            self.__dict__["_properties"] = made
        return made

    def getBuild(self):
        return self

    @property
    def conn(self):
        return self.workerforbuilder.worker.conn

    @property
    def workdir(self):
        return getattr(self._factory, "workdir", "build")

    @property
    def _factory(self):
        return getattr(self.builder.config, "factory", None)

    def _computed(self, name):
        if name == "executedSteps":
            steps = self._asked(name)
            for step in steps:
                step.__dict__["build"] = self
            return steps
        if name == "currentStep":
            return next((step for step in self.executedSteps if step.results is None), None)
        if name == "steps":
            # Those of the configuration; what steps have added is not known here.
            left = getattr(self._factory, "steps", [])[len(self.executedSteps) :]
            return [factory.buildStep() for factory in left]
        if name == "stepnames":
            return {step.name: 0 for step in self.executedSteps + self.steps}
        raise AttributeError(name)

    @property
    def path_module(self):
        return self.workerforbuilder.worker.path_module

    @property
    def path_cls(self):
        return self.workerforbuilder.worker.path_cls

    def getUrl(self):
        return defer_module().succeed(self.url)

    def get_buildid(self):
        return defer_module().succeed(self.buildid)

    def getBuilderId(self):
        recorded_under = self._sent.get("builderid")
        if recorded_under is None:
            return self.builder.getBuilderId()
        return defer_module().succeed(recorded_under)

    def addStepsAfterCurrentStep(self, step_factories):
        self._told("addStepsAfterCurrentStep", step_factories)

    def addStepsAfterLastStep(self, step_factories):
        self._told("addStepsAfterLastStep", step_factories)


class Step(Facade, WorkerQuestions):
    """A step, as ``doStepIf`` and ``hideStepIf`` see it."""

    _kind = "step"
    _attributes = ("build",)
    _defaults = {
        "name": None,
        "results": None,
        "stepid": None,
        "statistics": dict,
        "logs": dict,
        "number": None,
        "stopped": False,
        "rendered": True,
    }

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            value = None if name.startswith("_") else getattr(self._class(), name, None)
            is_data = value is not None and not callable(value) and not hasattr(value, "__get__")
            if is_data or name in _NAMES_OF_STEPS:
                return value if is_data else None
            raise

    def _class(self):
        """The class of the step, which has what was not given as an argument."""
        import importlib

        from buildbot.process.buildstep import BuildStep

        module, _dot, name = (self._sent.get("class") or "").rpartition(".")
        if not module.startswith("buildbot."):
            return BuildStep
        return getattr(importlib.import_module(module), name, BuildStep)

    def _made(self, name, value):
        made = super()._made(name, value)
        if name == "build":
            made.__dict__["currentStep"] = self
        if made is None and name.startswith("description"):
            made = getattr(self._class(), name, None)
        return made

    @property
    def workdir(self):
        own = self._sent.get("workdir")
        if own is not None:
            return self._values.decoded(own)
        default = self.build.workdir
        return default(self.build.sources) if callable(default) else default

    @property
    def master(self):
        return self.build.master

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

    def getStatistics(self):
        return dict(self.statistics)

    def getStatistic(self, name, default=None):
        return self.statistics.get(name, default)

    def hasStatistic(self, name):
        return name in self.statistics


# What steps have that have nothing there.
_NAMES_OF_STEPS = frozenset(
    "build cmd description descriptionDone descriptionSuffix locks logEncoding progress".split()
)

CLASSES = (SourceStamp, Change, BuildRequest, Build, Step)
