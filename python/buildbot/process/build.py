"""Builds, as their steps and code of users see them."""

from __future__ import annotations

from functools import reduce

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.known_build import KnownBuild
from buildbot.process.properties import Properties, PropertiesMixin
from buildbot.process.results import (
    CANCELLED,
    EXCEPTION,
    FAILURE,
    RETRY,
    SKIPPED,
    SUCCESS,
    WARNINGS,
    computeResultAndTermination,
    statusToString,
    worst_status,
)

__all__ = [
    "Build",
    "CANCELLED",
    "EXCEPTION",
    "FAILURE",
    "RETRY",
    "SKIPPED",
    "SUCCESS",
    "WARNINGS",
    "computeResultAndTermination",
    "reduce",
    "statusToString",
    "worst_status",
]

__getattr__ = elsewhere(
    __name__,
    "Failure Notifier buildstep bytes2unicode defer error eventually failure "
    "getURLForBuild get_real_locks_from_accesses interfaces log metrics properties",
)


class Build(KnownBuild, PropertiesMixin):
    """A build of one request or several. Classes of users come from a factory's `buildClass`."""

    VIRTUAL_BUILDERNAME_PROP = "virtual_builder_name"
    VIRTUAL_BUILDERDESCRIPTION_PROP = "virtual_builder_description"
    VIRTUAL_BUILDER_PROJECT_PROP = "virtual_builder_project"
    VIRTUAL_BUILDERTAGS_PROP = "virtual_builder_tags"

    workdir = "build"
    reason = "changes"
    finished = False
    results = None
    stopped = False
    set_runtime_properties = True
    subs = None
    useProgress = True
    _session = None

    def __init__(self, requests, builder):
        self.requests = requests
        self.builder = builder
        self.master = builder.master
        self.workerforbuilder = None
        self.locks = []
        self._locks_to_acquire = []
        self.sources = requests[0].mergeSourceStampsWith(requests[1:])
        self.reason = requests[0].mergeReasons(requests[1:])
        self.currentStep = None
        self.workerEnvironment = {}
        self.buildid = None
        self.number = None
        self.steps = []
        self.executedSteps = []
        self.stepnames = {}
        self.terminate = False
        self._builderid = None
        self.results = SUCCESS
        self.properties = Properties()
        self.stopped_reason = None
        self.text = []
        self.config_version = builder.config_version
        self.env = {}
        self.conn = None

    @classmethod
    def from_description(cls, data, requests, builder, workerforbuilder=None):
        """Of a dictionary.

        `number`, `buildid`, `results`, `workdir`, `env`, `workername`, `builderid`,
        `worker_system` and `properties`: name → (value, source).
        """
        build = cls(requests, builder)
        build.number = data.get("number")
        build.buildid = data.get("buildid")
        build._builderid = data.get("builderid")
        for name in ("results", "workdir", "env", "reason", "stopped", "terminate"):
            if name in data:
                setattr(build, name, data[name])
        build.properties = Properties.fromDict(data.get("properties") or {})
        build.properties.build = build
        build.workerforbuilder = workerforbuilder
        build.workername = data.get("workername")
        build._use_paths_of(data.get("worker_system"))
        return build

    def _use_paths_of(self, system):
        import ntpath
        import pathlib
        import posixpath

        windows = system in ("nt", "win32")
        self.path_module = ntpath if windows else posixpath
        self.path_cls = pathlib.PureWindowsPath if windows else pathlib.PurePosixPath

    def setLocks(self, lockList):
        self.locks = lockList

    def _setup_locks(self):
        return runtime.ask(self, "setupLocks")

    def setWorkerEnvironment(self, env):
        self.workerEnvironment = env

    @staticmethod
    def setup_properties_known_before_build_starts(props, requests, builder, workerforbuilder=None):
        """What is known when locks and workers are chosen."""
        config = getattr(builder.master, "config", None)
        for name, value in dict(getattr(config, "properties", None) or {}).items():
            props.setProperty(name, value, "global")
        for request in requests:
            for stamp in request.sources.values():
                for change in stamp.changes:
                    props.updateFromProperties(change.properties)
            props.updateFromProperties(request.properties)
        builder.setup_properties(props)
        if workerforbuilder is not None and workerforbuilder.worker is not None:
            worker = workerforbuilder.worker
            props.setProperty("workername", worker.workername, "Worker")
            props.updateFromProperties(worker.properties)

    @staticmethod
    def setupBuildProperties(props, requests, sources=None, number=None):
        """What is known of the build itself."""
        if number is not None:
            props.setProperty("buildnumber", number, "Build")
        if sources is not None and len(sources) == 1:
            for name in ("branch", "revision", "repository", "codebase", "project"):
                props.setProperty(name, getattr(sources[0], name), "Build")

    def setupWorkerProperties(self, workerforbuilder):
        """Properties of the worker are set by the master."""

    def setupWorkerForBuilder(self, workerforbuilder):
        self.workerforbuilder = workerforbuilder
        self.workername = workerforbuilder.worker.workername
        self._use_paths_of(workerforbuilder.worker.worker_system)

    # Life

    @runtime.inline
    def getBuilderId(self):
        if self._builderid is None:
            self._builderid = yield self.builder.getBuilderId()
        return self._builderid

    def startBuild(self, workerforbuilder):
        return runtime.ask(self, "startBuild")

    def buildPreparationFailure(self, why, state_string):
        return runtime.ask(self, "buildPreparationFailure", state_string=state_string)

    def acquireLocks(self, res=None):
        return runtime.ask(self, "acquireLocks")

    def releaseLocks(self):
        if self._session is not None:
            runtime.tell(self, "releaseLocks")

    def stepDone(self, results, step):
        """Takes the result of a step into account; tells whether the build ends."""
        effect, terminate = computeResultAndTermination(step, results, self.results)
        self.results = effect
        return terminate

    def lostRemote(self, conn=None):
        """Connections belong to the master."""

    def controlStopBuild(self, key, params):
        return self.stopBuild(params.get("reason", "<no reason given>"))

    def stopBuild(self, reason="<no reason given>", results=CANCELLED):
        """Stops the build: the running step is interrupted, the others do not start."""
        self.stopped = True
        self.stopped_reason = reason
        self.terminate = True
        return runtime.ask(self, "stopBuild", reason=str(reason), results=results)

    def allStepsDone(self):
        return runtime.ask(self, "allStepsDone")

    def buildFinished(self, text, results):
        return runtime.ask(self, "buildFinished", text=text, results=results)

    def _tryScheduleBuildsAfterLockUnlock(self, locks_released=False, build_finished=False):
        """The master looks for builds by itself."""

    def getUrl(self):
        return runtime.ask(self, "getUrl")

    def get_buildid(self):
        return runtime.ask(self, "getBuildId")

    def waitUntilFinished(self):
        return runtime.ask(self, "waitUntilFinished")

    # Steps

    def setStepFactories(self, step_factories):
        self.stepFactories = list(step_factories)

    def setupBuildSteps(self, step_factories):
        """New steps of this build."""
        from buildbot.process.buildstep import create_step_from_step_or_factory

        steps = []
        for factory in step_factories:
            step = create_step_from_step_or_factory(factory)
            step.setBuild(self)
            step.setWorker(getattr(self.workerforbuilder, "worker", None))
            steps.append(step)
        return steps

    def setupBuild(self):
        self.steps = self.setupBuildSteps(self.stepFactories)

    def addStepsAfterCurrentStep(self, step_factories):
        """Runs these steps next; those of a later call come before those of an earlier one."""
        steps = list(step_factories)
        self.steps[0:0] = self.setupBuildSteps(steps)
        runtime.tell(self, "addSteps", steps=steps, after="current")

    def addStepsAfterLastStep(self, step_factories):
        """Runs these steps when all others have run."""
        steps = list(step_factories)
        self.steps += self.setupBuildSteps(steps)
        runtime.tell(self, "addSteps", steps=steps, after="last")

    def getNextStep(self):
        """The next step to run; once the build ends early, only those that always run."""
        while self.steps:
            step = self.steps.pop(0)
            if not self.terminate or step.alwaysRun:
                return step
        return None

    def startNextStep(self):
        return runtime.ask(self, "startNextStep")

    def _start_next_step_impl(self, step):
        return runtime.ask(self, "startNextStep")
