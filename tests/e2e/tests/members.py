"""Functions of users that read every member of what they are given, put into the configuration of a story.

Each member is a line of a file; it is the same under the real master.
"""

import inspect
import os
import re
import warnings

from twisted.internet import defer

from buildbot.process import remotecommand
from buildbot.process.buildrequest import BuildRequest
from buildbot.process.results import *

MASTER = f"{os.uname()[1]}:{os.path.abspath(basedir)}"
SEEN = os.path.join(basedir, "seen")

# What expressions are evaluated, `it` is the object.
BUILDER = """
it.name
it.config.name
it.config_version
it.master.name == MASTER
it.botmaster is it.master.botmaster or it.botmaster.builders.keys() == it.master.botmaster.builders.keys()
it.project_name
it.project_id
len(it.building)
bool(it.old_building)
sorted(wfb.worker.workername for wfb in it.workers)
it.attaching_workers
bool(it.running)
it.expectations
it.getBuilderId()
it.getBuilderIdForName("b")
it.getOldestRequestTime()
it.getNewestCompleteTime()
it.get_highest_priority()
it.getAvailableWorkers()
it.getBuild(77)
it.getCollapseRequestsFn().__name__
it
"""
CONFIG = """
it.name
it.workernames
it.builddir
it.workerbuilddir
it.factory.steps.__len__()
it.tags
it.nextWorker.__name__
it.nextBuild.__name__
it.canStartBuild.__name__
it.locks
it.env
it.properties
it.defaultProperties
it.collapseRequests.__name__
it.description
it.description_format
it.project
it.do_build_if.__name__
sorted(it.getConfigDict())
it.ours
"""
WORKER_FOR_BUILDER = """
it.worker.workername
it.builder.name
it.builder_name
it.state
it.state.name
it.isAvailable()
it.isBusy()
it.getWorkerCommandVersion("shell")
it.getWorkerCommandVersion("nothing", "0")
it.locks
it.ping
it
"""
WORKER = """
it.workername
it.name
it.password
it.max_builds
it.notify_on_missing
it.missing_timeout
it.machine_name
it.machine.name
it.properties.asList()
it.defaultProperties.asList()
sorted(it.info.asDict())
it.info.getProperty("system")
it.info["version"] != ""
sorted(it.worker_commands)
sorted(it.worker_environ) != []
os.path.basename(it.worker_basedir)
it.worker_system
it.path_module.__name__
it.path_cls.__name__
it.conn is not None
it.workerid
sorted(it.workerforbuilders)
it.workerforbuilders["b"]
it.master.name == MASTER
sorted(it.botmaster.builders)
bool(it.isConnected())
it.isPaused()
it.canStartBuild()
it.quarantine_timeout
it.lastMessageReceived > 1
it.registration is not None
it.builds_may_be_incompatible
it
"""
WORKER_CHANGED = """
it.putInQuarantine()
it.exitQuarantine()
it.resetQuarantine()
it.quarantine_timeout
it.pause("a reason")
it.isPaused()
it.unpause()
it.isPaused()
"""
CONNECTION = """
it.get_peer()
it.worker.workername
it.remotePrint
it.remoteGetWorkerInfo
it.remoteSetBuilderList
it.remoteStartCommand
it.remoteShutdown
it.remoteStartBuild
it.remoteInterruptCommand
it.loseConnection
it.notifyOnDisconnect
"""
REQUEST = """
it.id
it.bsid
it.buildername
it.builderid
it.priority
it.submittedAt
it.getSubmitTime()
it.waitedFor
it.reason
it.properties.asList()
it.properties.getProperty("scheduler")
"owner" in it.properties
sorted(it.sources)
it.master.name == MASTER
it.mergeReasons([])
[stamp.ssid for stamp in it.mergeSourceStampsWith([])]
it.canBeCollapsed.__name__
"""
STAMP = """
it.branch
it.revision
it.repository
it.project
it.codebase
it.ssid
it.patch
it.patch_info
len(it.changes)
it.asDict()
it.asSSDict()
"""
CHANGE = """
it.who
it.author
it.committer
it.comments
it.files
it.branch
it.revision
it.category
it.revlink
it.repository
it.codebase
it.project
it.properties.asList()
it.when_timestamp
it.changeid
sorted(set(it.asChDict()) - {"sourcestamp"})
"""
BUILD = """
[request.id for request in it.requests]
it.builder.name
it.master.name == MASTER
it.workerforbuilder.worker.workername
[source.ssid for source in it.sources]
it.reason
it.results
it.finished
it.stopped
it.stopped_reason
it.env
it.locks
it.useProgress
it.terminate
it.getProperty("nothing")
it.hasProperty("scheduler")
it.getSourceStamp("").ssid
it.getSourceStamp("other")
[source.ssid for source in it.getAllSourceStamps()]
[change.changeid for change in it.allChanges()]
it.allFiles()
it.blamelist()
it.changesText
it.waitUntilFinished
it.stopBuild
it.addStepsAfterCurrentStep
it.addStepsAfterLastStep
"""
RUNNING_BUILD = """
it.buildid
it.number
it.workdir
it.path_module.__name__
it.path_cls.__name__
it.conn is not None
sorted(it.worker_info.asDict() if hasattr(it.worker_info, "asDict") else it.worker_info)
it.currentStep.name
[step.name for step in it.executedSteps]
it.properties.getProperty("buildername")
it.getProperties().getProperty("buildername")
it.getProperty("buildername")
it.setProperty("set", [1], "us")
it.getProperty("set")
it.render(util.Interpolate("%(prop:set)s of %(prop:buildername)s"))
it.getWorkerName()
it.getWorkerCommandVersion("shell")
sorted(it.getWorkerInfo().asDict() if hasattr(it.getWorkerInfo(), "asDict") else it.getWorkerInfo())
it.getBuilderId()
it.getUrl()
it.get_buildid()
it.getSummaryStatistic("nothing", max, 7)
it.workername
it.text
it.steps
it.builder.building
[it.setUniqueStepName("fresh of " + where) for _ in range(3)]
it
"""
STEP = """
it.name
it.build.number
it.master.name == MASTER
it.worker.workername
it.getWorkerName()
it.getProperty("buildername")
it.hasProperty("nothing")
it.setProperty("by step", 1, "us")
it.getProperty("by step")
it.getProperties().getProperty("by step")
it.render(util.Interpolate("%(prop:buildername)s"))
it.getStatistic("nothing", 3)
it.hasStatistic("nothing")
it.results
it.stopped
it.description
it.descriptionDone
it.descriptionSuffix
it.statistics
it.haltOnFailure
it.flunkOnFailure
it.warnOnFailure
it.warnOnWarnings
it.alwaysRun
it.locks
it.workerVersion("shell")
it.workerVersionIsOlderThan("shell", "2.0")
it.rendered
it.workdir
it.stepid
it.number
"""
MASTER_ = """
it.name == MASTER
it.masterid
os.path.basename(it.basedir)
it.reactor.callLater
[one["name"] for one in await_(it.data.get(("builders",), fields=["name"]))]
it.data.get(("builders", "b"))
it.data.updates.findBuilderId("b")
it.data.control
it.mq.produce
it.mq.startConsuming
it.db.builders.getBuilder(1)
it.db.state
it.config.title
it.config.buildbotURL == c["buildbotURL"]
[builder.name for builder in it.config.builders]
sorted(worker.name for worker in it.config.workers)
sorted(it.config.schedulers)
it.config.www["plugins"]
sorted(it.config.www) != []
it.config.protocols == c["protocols"]
it.config.collapseRequests
it.config.manhole
sorted(it.config.caches)
it.config.logCompressionMethod
it.botmaster.cancelCleanShutdown()
it.botmaster.cleanShutdown
it.botmaster.shuttingDown
it.botmaster.name
it.botmaster.master.name == MASTER
sorted(it.botmaster.builders)
sorted(it.botmaster.getBuildernames())
sorted(builder.name for builder in it.botmaster.getBuilders())
[builder.name for builder in it.botmaster.getBuildersForWorker("w1")]
it.botmaster.getBuilderById(99)
it.botmaster.maybeStartBuildsForBuilder
it.botmaster.maybeStartBuildsForWorker
it.botmaster.maybeStartBuildsForAllBuilders
sorted(it.workers.workers)
it.workers.getWorkerByName("w1").workername
it.workers.getWorkerByName("nobody")
sorted(it.scheduler_manager.namedServices)
sorted(scheduler.name for scheduler in it.allSchedulers())
it.namedServices["secrets"].get("nothing")
it.machine_manager.name
sorted(it.machine_manager.machines)
it.machine_manager.getMachineByName("m").name
it.machine_manager.getMachineByName("nothing")
it.caches.name
it.caches.get_cache("probe", lambda key: defer.succeed(Cached(key))).get("k")
it.caches.get_cache("probe", lambda key: defer.succeed(Cached(key))).get("k")
sorted(it.caches.get_metrics()["probe"])
it.httpservice
"""

# These wait for a decision about builders, so nothing that decides can wait for them.
DECISIONS = """
it.botmaster.maybeStartBuildsForBuilder("idle")
it.botmaster.maybeStartBuildsForWorker("away")
it.botmaster.maybeStartBuildsForAllBuilders()
"""


class Cached:
    """What a cache of users keeps; it is referred to weakly."""

    def __init__(self, key):
        self.key = key

    def __repr__(self):
        return f"Cached({self.key!r})"


def note(*words):
    text = " ".join(str(word) for word in words)
    text = re.sub(r"127\.0\.0\.1:\d+", "<address>", text)
    text = re.sub(r"localhost:\d+", "<address>", text)
    with open(SEEN, "a") as file:
        file.write(text.replace("\n", "|") + "\n")


def shown_member(value):
    """Objects of the masters' own have texts that depend on them."""
    if isinstance(value, list):
        return "[" + ", ".join(shown_member(part) for part in value) + "]"
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
        return "{" + ", ".join(f"{key!r}: {shown_member(part)}" for key, part in pairs) + "}"
    if callable(value):
        return "<callable>"
    text = shown(value)
    return "<object>" if " object" in text else re.sub(r" at \w+>", ">", text)


class Awaits(Exception):
    """A member gives a Deferred, in the middle of an expression."""


def value_of(expression, where, it, waiting):
    """The value of an expression; `waiting` are the values of Deferreds inside it, in their order."""
    values = iter(waiting)

    def await_(deferred):
        for value in values:
            return value
        raise Awaits(deferred)

    return eval(expression, {**globals(), "where": where, "it": it, "await_": await_})


def instant(where, kind, it, expressions):
    """Reads what needs no waiting."""
    for expression in expressions.strip().splitlines():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                value = value_of(expression, where, it, [])
                text = "Deferred" if isinstance(value, defer.Deferred) else shown_member(value)
            except Awaits:
                text = "Deferred"
            except Exception as error:
                text = f"raises {type(error).__name__}: {error}"
        note(where, kind, expression, "=", text)


@defer.inlineCallbacks
def look(where, kind, it, expressions):
    """Reads members of an object."""
    for expression in expressions.strip().splitlines():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            waited = []
            try:
                while True:
                    try:
                        value = value_of(expression, where, it, waited)
                        break
                    except Awaits as awaits:
                        waited.append((yield awaits.args[0]))
                if inspect.iscoroutine(value):
                    value = defer.ensureDeferred(value)
                how = ""
                if isinstance(value, defer.Deferred):
                    how = "Deferred of "
                    value = yield value
                text = how + shown_member(value)
            except Exception as error:
                text = f"raises {type(error).__name__}: {error}"
        note(where, kind, expression, "=", text)


looked = set()


def once(function):
    """The first call of a function looks."""

    def decorated(*args):
        if function.__name__ in looked:
            return defer.succeed(None)
        looked.add(function.__name__)
        return function(*args)

    return decorated


@once
@defer.inlineCallbacks
def next_worker_looks(builder, wfbs, request):
    yield look("nextWorker", "builder", builder, BUILDER)
    yield look("nextWorker", "config", builder.config, CONFIG)
    yield look("nextWorker", "wfb", wfbs[0], WORKER_FOR_BUILDER)
    yield look("nextWorker", "worker", wfbs[0].worker, WORKER)
    yield look("nextWorker", "connection", wfbs[0].worker.conn, CONNECTION)
    yield look("nextWorker", "request", request, REQUEST)
    yield look("nextWorker", "master", builder.master, MASTER_)


@defer.inlineCallbacks
def next_worker(builder, wfbs, request):
    yield next_worker_looks(builder, wfbs, request)
    return wfbs[0]


@once
@defer.inlineCallbacks
def next_build_looks(builder, requests):
    yield look("nextBuild", "builder", builder, BUILDER)
    yield look("nextBuild", "config", builder.config, CONFIG)
    note("nextBuild requests =", [request.id for request in requests])
    for request in requests:
        yield look("nextBuild", "request", request, REQUEST)
        for stamp in request.sources.values():
            yield look("nextBuild", "stamp", stamp, STAMP)
            for change in stamp.changes:
                yield look("nextBuild", "change", change, CHANGE)
    yield look("nextBuild", "master", builder.master, MASTER_)


async def next_build(builder, requests):
    # The real one asks also when there is no worker.
    if len(requests) == 2 and builder.getAvailableWorkers():
        await next_build_looks(builder, requests)
    return requests[0]


@once
@defer.inlineCallbacks
def can_start_looks(builder, wfb, request):
    yield look("canStartBuild", "builder", builder, BUILDER)
    yield look("canStartBuild", "wfb", wfb, WORKER_FOR_BUILDER)
    pong = yield wfb.ping()
    note("canStartBuild ping =", pong)
    yield look("canStartBuild", "worker", wfb.worker, WORKER)
    yield look("canStartBuild", "worker", wfb.worker, WORKER_CHANGED)
    yield look("canStartBuild", "request", request, REQUEST)
    for script in ["echo $0; echo $1 >&2; exit 3", "true"]:
        args = {"command": ["sh", "-c", script, "zero", "one"], "workdir": "."}
        args.update(want_stdout=1, want_stderr=1, logfiles={}, timeout=10, maxTime=None)
        args.update(env=None, logEnviron=False, initial_stdin=None)
        command = remotecommand.RemoteCommand(
            "shell", args, stdioLogName=None, collectStdout=True, collectStderr=True
        )
        command.worker = wfb.worker
        gave = yield command.run(None, wfb.worker.conn, builder.name)
        note("canStartBuild command =", command.rc, repr(command.stdout), repr(command.stderr))
        note("canStartBuild command ends =", command.results(), command.didFail(), gave is command)
    fits = yield builder.canStartBuild(wfb, request)
    note("canStartBuild of the builder =", fits)


@defer.inlineCallbacks
def can_start(builder, wfb, request):
    yield can_start_looks(builder, wfb, request)
    return True


@once
@defer.inlineCallbacks
def collapse_looks(master, builder, new, old):
    yield look("collapseRequests", "master", master, MASTER_)
    yield look("collapseRequests", "builder", builder, BUILDER)
    for request in (new, old):
        # Ours has the properties there already.
        note("collapseRequests request =", shown({**request, "properties": None}))
    for first, second in ((new, old), (old, new), (new, new)):
        fits = yield BuildRequest.canBeCollapsed(master, first, second)
        note("collapseRequests canBeCollapsed =", fits)


@defer.inlineCallbacks
def collapse(master, builder, new, old):
    yield collapse_looks(master, builder, new, old)
    return False


@once
@defer.inlineCallbacks
def prioritize_looks(master, builders):
    yield look("prioritizeBuilders", "master", master, MASTER_)
    for builder in builders:
        yield look("prioritizeBuilders", "builder", builder, BUILDER)


@defer.inlineCallbacks
def prioritize(master, builders):
    # Before that the configuration may be half in use.
    if any(builder.getAvailableWorkers() for builder in builders):
        yield prioritize_looks(master, builders)
    return builders


def do_build(build):
    if "do_build" not in looked:
        looked.add("do_build")
        instant("do_build_if", "build", build, BUILD)
        instant("do_build_if", "builder", build.builder, BUILDER)
        instant("do_build_if", "worker", build.workerforbuilder.worker, WORKER)
        instant("do_build_if", "request", build.requests[0], REQUEST)
        instant("do_build_if", "master", build.master, MASTER_)
    return True


@once
@defer.inlineCallbacks
def step_looks(where, step):
    yield look(where, "step", step, STEP)
    yield look(where, "build", step.build, BUILD)
    yield look(where, "build", step.build, RUNNING_BUILD)
    yield look(where, "builder", step.build.builder, BUILDER)
    yield look(where, "wfb", step.build.workerforbuilder, WORKER_FOR_BUILDER)
    yield look(where, "worker", step.worker, WORKER)
    yield look(where, "connection", step.build.conn, CONNECTION)
    yield look(where, "request", step.build.requests[0], REQUEST)
    for stamp in step.build.sources:
        yield look(where, "stamp", stamp, STAMP)
        for change in stamp.changes:
            yield look(where, "change", change, CHANGE)
    yield look(where, "master", step.master, MASTER_)
    yield look(where, "master", step.master, DECISIONS)


@defer.inlineCallbacks
def step_if(step):
    yield step_looks("doStepIf", step)
    return True


def hide_if(results, step):
    if "hide" not in looked:
        looked.add("hide")
        note("hideStepIf results =", results)
        instant("hideStepIf", "step", step, STEP)
        instant("hideStepIf", "build", step.build, BUILD)
        instant("hideStepIf", "build", step.build, RUNNING_BUILD)
        instant("hideStepIf", "builder", step.build.builder, BUILDER)
        instant("hideStepIf", "master", step.master, MASTER_)
    return False


@once
@defer.inlineCallbacks
def renderer_looks(props):
    build = props.getBuild()
    yield look("renderer", "build", build, BUILD)
    yield look("renderer", "build", build, RUNNING_BUILD)
    yield look("renderer", "builder", build.builder, BUILDER)
    yield look("renderer", "worker", build.workerforbuilder.worker, WORKER)
    yield look("renderer", "master", props.master, MASTER_)


@util.renderer
@defer.inlineCallbacks
def rendered(props):
    yield renderer_looks(props)
    return "rendered"


class Looks(steps.BuildStep):
    """A step of users."""

    name = "looks"

    @defer.inlineCallbacks
    def run(self):
        looked.discard("step_looks")
        yield step_looks("step", self)
        return SUCCESS


from buildbot.machine.base import Machine

c["machines"] = [Machine("m")]
c["workers"] = [
    worker.Worker(
        "w1",
        "pass",
        max_builds=3,
        notify_on_missing="a@example.org",
        missing_timeout=77,
        properties={"size": [1]},
        defaultProperties={"color": "red"},
        machine_name="m",
    ),
    worker.Worker("away", "pass"),
]
c["projects"] = [util.Project(name="p")]
c["change_source"] = [changes.PBChangeSource()]
c["prioritizeBuilders"] = prioritize
c["builders"] = [
    builder(
        "b",
        shell("echo", rendered, name="echo", doStepIf=step_if, hideStepIf=hide_if),
        Looks(),
        nextWorker=next_worker,
        nextBuild=next_build,
        canStartBuild=can_start,
        collapseRequests=collapse,
        do_build_if=do_build,
        tags=["t"],
        env={"A": "b"},
        properties={"x": 1},
        defaultProperties={"y": 2},
        description="it",
        project="p",
    ),
    util.BuilderConfig(name="idle", workernames=["away"], factory=util.BuildFactory()),
]
c["builders"][0].ours = "mine"
c["schedulers"] = [
    schedulers.SingleBranchScheduler(
        name="main", change_filter=util.ChangeFilter(branch="main"), builderNames=["b"]
    ),
]
