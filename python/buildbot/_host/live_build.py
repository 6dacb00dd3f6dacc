"""Requests, builds and what they consist of, as user code sees them in calls."""

from __future__ import annotations

from buildbot._host.deferreds import defer_module
from buildbot._host.facades import Facade, properties_of
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
    _asking = ("waitUntilFinished", "stopBuild")
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

    @property
    def properties(self):
        made = self.__dict__.get("_properties")
        if made is None:
            made = properties_of(self._values, self._sent.get("properties") or {}, self)
            self.__dict__["_properties"] = made
        return made

    def getProperties(self):
        return self.properties

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

    def getUrl(self):
        return defer_module().succeed(self.url)

    def get_buildid(self):
        return defer_module().succeed(self.buildid)

    def getBuilderId(self):
        recorded_under = self._sent.get("builderid")
        if recorded_under is None:
            return self.builder.getBuilderId()
        return defer_module().succeed(recorded_under)

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
        builder = self._sent.get("builder") or {}
        return (
            f"<Build {builder.get('name')} number:{self.number!r} results:{self.results!r}>"
        )


class Step(Facade):
    """A step, as ``doStepIf`` and ``hideStepIf`` see it."""

    _kind = "step"
    _attributes = ("build",)
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

    def getWorkerName(self):
        return self.build.getWorkerName()

    def getStatistic(self, name, default=None):
        return self.statistics.get(name, default)

    def hasStatistic(self, name):
        return name in self.statistics


CLASSES = (SourceStamp, Change, BuildRequest, Build, Step)
