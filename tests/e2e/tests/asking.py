"""Code of users that asks the master, put into the configuration of a story: what each question gives is a line of a log.

It is the same under the real master. `shown` is that of `shown.py`.
"""

import re
import warnings

from twisted.internet import defer, reactor, task

from buildbot.data import resultspec
from buildbot.process.properties import Properties
from buildbot.process.results import *


class Asks(steps.BuildStep):
    """Asks one question after the other."""

    name = "asks"

    def __init__(self, questions, **kwargs):
        super().__init__(**kwargs)
        self.questions = questions

    @defer.inlineCallbacks
    def run(self):
        builders = yield self.master.data.get(("builders",))
        self.ids = {builder["name"]: builder["builderid"] for builder in builders}
        log = yield self.addLog("answers")
        for name, question in self.questions:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    value = yield question(self)
                    text = shown(value)
                except TypeError as error:
                    text = "raises TypeError"
                except Exception as error:
                    text = f"raises {type(error).__module__}.{type(error).__name__}: {error}"
            text = re.sub(r"127\.0\.0\.1:\d+", "<address>", text)
            yield log.addStdout(f"{name}: " + text.replace("\n", "|") + "\n")
        yield log.finish()
        return SUCCESS


class Questions(list):
    def __call__(self, question):
        """Decorates a function of the step that asks."""
        self.append((question.__name__, question))
        return question

    def get(self, *path, **how):
        """Asks the data interface; names of builders in `<>` stand for their ids."""

        def question(step):
            parts = [step.ids[part[1:-1]] if str(part).startswith("<") else part for part in path]
            return step.master.data.get(tuple(parts), **how)

        self.append((f"get {path} {how}", question))

    def of(self, name):
        """Asks a part of the database connection."""

        def asking(*args, **kwargs):
            def question(step):
                method = step.master.db
                for part in name.split("."):
                    method = getattr(method, part)
                ids = step.ids
                return method(*[ids[arg[1:-1]] if str(arg).startswith("<") else arg for arg in args], **kwargs)

            self.append((f"{name} {args} {kwargs}", question))

        return asking


questions = Questions()
get, of = questions.get, questions.of
Filter = resultspec.Filter

get("builders")
get("builders", "<a>")
get("builders", "b")
get("builders", "no")
get("builders", 99)
get("builders", order=["-name"], limit=2, offset=1)
get("builders", filters=[Filter("tags", "contains", ["t"])], fields=["name", "tags"])
get("nothing")
get("builds")
get("builds", 1)
get("builds", "1")
get("builds", 1, "properties")
get("builds", 1, "property_list", order=["name"], limit=2)
get("builds", 1, "steps")
get("builds", 1, "steps", 0)
get("builds", 1, "steps", "echo", "logs")
get("builds", 1, "steps", "echo", "logs", "stdio", "contents")
get("builders", "<a>", "builds", 1)
get("builders", "<a>", "builds", filters=[Filter("complete", "eq", [True])], order=("-number",), limit=1)
get("builders", "<a>", "builds", filters=[Filter("results", "eq", [0])], fields=["number", "results"])
get("builds", filters=[Filter("complete", "eq", [False])], fields=["buildid"])
get("builds", filters=[Filter("number", "gt", [0])], order=["-buildid"], limit=1, offset=1)
get("builds", filters=[Filter("no", "eq", [0])])
get("builds", filters=[Filter("number", "in", [1, 2])], fields=["number"])
get("builds", filters=[Filter("number", "notin", [1])], fields=["number"])
get("builds", filters=[Filter("results", "eq", [None])], fields=["number"])
get("builds", filters=[Filter("results", "ne", [None])], fields=["number"])
get("builds", filters=[Filter("state_string", "contains", ["success"])], fields=["number"])
get("builds", order=["no"])
get("builds", fields=["no"])
get("steps", 1)
get("logs", 1)
get("logs", 1, "contents", limit=2, offset=1)
get("logs", 1, "raw")
get("logs", 1, "raw_inline")
get("buildrequests", filters=[Filter("claimed", "eq", [False])])
get("buildrequests", 1)
get("buildsets", 1)
get("buildsets", 1, "properties")
get("buildsets", 1, "sourcestamps")
get("sourcestamps")
get("sourcestamps", 1, "changes")
get("changes", 1)
get("changes", 1, "builds")
get("changes", filters=[Filter("branch", "eq", ["main"])])
get("builds", 1, "changes")
get("workers")
get("workers", "w1")
get("masters")
get("schedulers")
get("forceschedulers", fields=["name", "builder_names", "enabled"], order=["name"])
get("projects")
get("builds", 1, "data")


@questions
def properties_of_a_build_by_name(step):
    spec = resultspec.ResultSpec(
        filters=[Filter("buildid", "eq", [1])],
        properties=[resultspec.Property(b"property", "eq", ["owner", "scheduler"])],
    )
    return step.master.data.get_with_resultspec(("builds",), spec)


@questions
def a_path_that_is_a_text(step):
    return step.master.data.get("builds")


@questions
def a_change(step):
    return step.master.data.updates.addChange(
        author="Ann <ann@example.org>",
        comments="more\nof it",
        files=["x", "y"],
        revision="r2",
        branch="main",
        repository="repo",
        project="p",
        properties={"k": [1, {"a": None}]},
        when_timestamp=1700000000,
        category="c",
    )


@questions
def a_change_with_an_unknown_argument(step):
    return step.master.data.updates.addChange(who="me")


get("changes", 2)
get("changes", order=["-changeid"], limit=1)


@questions
def a_buildset(step):
    return step.master.data.updates.addBuildset(
        waited_for=False,
        scheduler="asks",
        sourcestamps=[
            {
                "codebase": "",
                "branch": "b1",
                "revision": None,
                "repository": "",
                "project": "",
                "patch_body": b"--- \xff",
                "patch_level": 1,
                "patch_author": "me",
                "patch_comment": "try",
                "patch_subdir": "",
            }
        ],
        reason="mine",
        properties={"p": ({"x": [1.5]}, "me")},
        builderids=[step.ids["idle"]],
        priority=7,
    )


get("buildsets", order=["-bsid"], limit=1)
get("buildrequests", filters=[Filter("priority", "eq", [7])])
get("buildsets", 4, "properties")
of("sourcestamps.get_sourcestamps_for_buildset")(4)


@questions
def a_property_of_the_running_build(step):
    return step.master.data.updates.setBuildProperty(step.build.buildid, "set", {"b": 1, "a": [2]}, "me")


@questions
def a_property_that_is_no_json(step):
    return step.master.data.updates.setBuildProperty(step.build.buildid, "set", object(), "me")


@questions
def properties_of_a_build(step):
    properties = Properties()
    properties.setProperty("several", [1], "us")
    return step.master.data.updates.setBuildProperties(step.build.buildid, properties)


@questions
@defer.inlineCallbacks
def what_was_set(step):
    found = yield step.master.data.get(("builds", step.build.buildid, "properties"))
    return {name: found[name] for name in ("set", "several")}


@questions
def texts_of_builds_and_steps(step):
    updates = step.master.data.updates
    return defer.gatherResults(
        [
            updates.setBuildStateString(step.build.buildid, "my state"),
            updates.setStepStateString(step.stepid, "my step"),
            updates.addStepURL(step.stepid, "n", "http://u"),
            updates.addStepURL(1, "of another build", "http://u"),
            updates.setBuildData(step.build.buildid, "blob", b"x\xff", "src"),
        ]
    )


@questions
def the_build_with_them(step):
    return step.master.data.get(("builds", step.build.buildid))


@questions
@defer.inlineCallbacks
def the_step_with_them(step):
    found = yield step.master.data.get(("steps", step.stepid))
    # The step writes its own text from time to time.
    del found["state_string"]
    return found


get("steps", 1)


@questions
def data_of_the_build(step):
    return step.master.data.get(("builds", step.build.buildid, "data"))


@questions
def a_value_of_the_build(step):
    return step.master.data.get(("builds", step.build.buildid, "data", "blob", "value"))


@questions
def ids_by_name(step):
    updates = step.master.data.updates
    return defer.gatherResults(
        [updates.findBuilderId("a"), updates.findSchedulerId("force"), updates.findWorkerId("w1")]
    )


of("builds.getBuild")(1)
of("builds.getBuild")(999)
of("builds.getBuilds")(builderid=1, complete=True)
of("builds.getBuildByNumber")("<a>", 1)
of("builds.getBuildProperties")(1)
of("builds.getBuildsForChange")(1)
of("builds.get_triggered_builds")(1)
of("buildrequests.getBuildRequest")(1)
of("buildrequests.getBuildRequests")("<idle>", False)
of("buildrequests.getBuildRequests")("<idle>", claimed=False, branch="b1")
of("buildrequests.getBuildRequests")("<idle>", claimed=False, branch="b2")
of("buildrequests.getBuildRequests")("<a>", claimed=True)
of("buildrequests.getBuildRequests")(bsid=1)
of("buildsets.getBuildset")(1)
of("buildsets.getBuildset")(99)
of("buildsets.getBuildsets")(complete=True)
of("buildsets.getRecentBuildsets")(1)
of("buildsets.getBuildsetProperties")(1)
of("changes.getChange")(1)
of("changes.getChange")(99)
of("changes.getChangesForBuild")(1)
of("changes.getChangesCount")()
of("changes.getLatestChangeid")()
of("changes.getChangeFromSSid")(1)
of("changes.getParentChangeIds")("main", "repo", "p", "")
of("sourcestamps.getSourceStamp")(1)
of("sourcestamps.getSourceStampsForBuild")(1)
of("workers.getWorkers")()
of("workers.getWorker")(name="w1")
of("workers.getWorker")(workerid=99)
of("builders.getBuilders")()
of("builders.getBuilder")("<a>")
of("builders.findBuilderId")("nobody", autoCreate=False)
of("steps.getSteps")(1)
of("steps.getStep")(1)
of("steps.getStep")(buildid=1, name="echo")
of("steps.getStep")(buildid=1, number=0)
of("steps.getStep")(buildid=1)
of("logs.getLogs")(2)
of("logs.getLogBySlug")(2, "stdio")
of("logs.getLogLines")(1, 0, 1)
of("masters.getMasters")()
of("schedulers.getSchedulers")()
of("schedulers.getScheduler")(99)
of("projects.get_projects")()
of("build_data.getBuildData")(1, "no")


@questions
@defer.inlineCallbacks
def the_last_good_build_before(step):
    stamps = yield step.master.db.sourcestamps.getSourceStampsForBuild(1)
    builds = step.master.db.builds
    before = yield builds.getPrevSuccessfulBuild(step.ids["a"], 99, stamps)
    none = yield builds.getPrevSuccessfulBuild(step.ids["a"], 1, stamps)
    return [before.number, none]


@questions
@defer.inlineCallbacks
def rows_are_read_like_dictionaries(step):
    build = yield step.master.db.builds.getBuild(1)
    return [build["id"], build["state_string"]]


@questions
@defer.inlineCallbacks
def state_that_stays(step):
    state = step.master.db.state
    mine = yield state.getObjectId("mine", "Class")
    found = [(yield state.getState(mine, "k", "nothing"))]
    yield state.setState(mine, "k", {"a": [1, None]})
    found.append((yield state.getState(mine, "k")))
    found.append((yield state.atomicCreateState(mine, "once", lambda: 7)))
    found.append((yield state.atomicCreateState(mine, "once", lambda: 8)))
    found.append((yield state.getObjectId("mine", "Class")) == mine)
    return found


@questions
def state_that_is_not_there(step):
    return step.master.db.state.getState(1, "no such thing")


@questions
def state_that_is_no_json(step):
    return step.master.db.state.setState(1, "k", object())


@questions
@defer.inlineCallbacks
def what_a_builder_says_of_itself(step):
    builder = step.build.builder
    idle = step.master.botmaster.builders["idle"]
    found = [(yield builder.getBuilderId()) == step.ids["b"]]
    found.append((yield builder.getBuilderIdForName("a")) == step.ids["a"])
    found.append((yield idle.getOldestRequestTime()))
    found.append((yield idle.getNewestCompleteTime()))
    found.append((yield idle.get_highest_priority()))
    found.append((yield step.master.botmaster.builders["a"].getNewestCompleteTime()))
    found.append([build.number for build in builder.building])
    found.append([str(wfb) for wfb in builder.workers])
    found.append(builder.getAvailableWorkers())
    found.append([wfb.isBusy() for wfb in builder.workers])
    return found


@questions
@defer.inlineCallbacks
def what_a_build_says_of_itself(step):
    build = step.build
    found = [(yield build.getBuilderId()) == step.ids["b"], (yield build.getUrl())]
    found.append((yield build.get_buildid()) == build.buildid)
    return found


@questions
@defer.inlineCallbacks
def a_worker_that_is_paused(step):
    found = [step.worker.isPaused()]
    yield step.worker.pause("why")
    worker = yield step.master.data.get(("workers", "w1"))
    found += [step.worker.isPaused(), worker["paused"], worker["pause_reason"]]
    yield step.worker.unpause()
    worker = yield step.master.data.get(("workers", "w1"))
    return found + [step.worker.isPaused(), worker["paused"]]


@questions
def the_master(step):
    master = step.master
    return [
        sorted(master.botmaster.builders),
        sorted(builder.name for builder in master.botmaster.getBuildersForWorker("w1")),
        sorted(master.workers.workers),
        sorted(master.scheduler_manager.namedServices),
        sorted(scheduler.name for scheduler in master.allSchedulers()),
        master.masterid,
        master.config.buildbotURL,
        master.config.title,
    ]


@defer.inlineCallbacks
def heard(step, pattern, act):
    """What a consumer hears while something is done."""
    found = []
    queue = yield step.master.mq.startConsuming(lambda key, data: found.append((key, data)), pattern)
    yield act()
    while not found:
        yield task.deferLater(reactor, 0.01, lambda: None)
    yield queue.stopConsuming()
    yield act()
    yield task.deferLater(reactor, 0.1, lambda: None)
    return found


@questions
def an_event_of_a_build(step):
    build = step.build.buildid
    change = lambda: step.master.data.updates.setBuildStateString(build, "heard")
    return heard(step, ("builds", None, "update"), change)


@questions
def an_event_of_a_step(step):
    change = lambda: step.master.data.updates.setStepStateString(step.stepid, "heard")
    return heard(step, ("steps", str(step.stepid), None), change)


@questions
def an_event_of_properties(step):
    build = step.build.buildid
    values = iter(range(9))

    def change():
        properties = Properties()
        properties.setProperty("heard", [next(values)], "me")
        return step.master.data.updates.setBuildProperties(build, properties)

    return heard(step, ("builds", str(build), "properties", "update"), change)


@questions
@defer.inlineCallbacks
def all_changes(step):
    changes = yield step.master.db.changes.getChanges()
    return sorted(changes, key=lambda change: change.changeid)


@questions
def an_event_of_its_own(step):
    tell = lambda: step.master.mq.produce(("my", "event"), {"a": [1, "x"]})
    return heard(step, ("my", None), tell)


@questions
def an_event_that_is_awaited(step):
    mq = step.master.mq
    reactor.callLater(0.05, mq.produce, ("awaited", "now"), {"a": 1})
    return mq.waitUntilEvent(("awaited", None), lambda: defer.succeed(False))


@questions
def an_event_that_needs_not_be_awaited(step):
    return step.master.mq.waitUntilEvent(("never", None), lambda: defer.succeed(True))


def control(action, args, *path):
    def question(step):
        given = {name: step.ids[value[1:-1]] if str(value).startswith("<") else value for name, value in args.items()}
        return step.master.data.control(action, given, path)

    questions.append((f"control {action} {args} {path}", question))


control("stop", {"reason": "x"}, "nothing")
control("stop", {"reason": "x"}, "builds", 99)
control("bad", {}, "builds", 1)
control("cancel", {"reason": "c"}, "buildrequests", 999)
control("force", {"builderid": "<idle>", "owner": "me", "reason": "r"}, "forceschedulers", "force")
control("force", {"builderid": "<idle>", "number": "no"}, "forceschedulers", "asking")
control("rebuild", {}, "builds", 1)
get("buildsets", order=["-bsid"], limit=2, fields=["reason", "rebuilt_buildid", "bsid"])


@questions
def what_nobody_has(step):
    return step.master.data.updates.noSuchThing


c["change_source"] = [changes.PBChangeSource()]
c["builders"] = [
    builder("a", shell("echo", "hi", name="echo", logEnviron=False), tags=["t"]),
    builder("b", Asks(questions)),
    util.BuilderConfig(name="idle", workernames=["away"], factory=util.BuildFactory()),
]
c["workers"] = [worker.Worker("w1", "pass"), worker.Worker("away", "pass")]
c["schedulers"] = [
    schedulers.ForceScheduler(
        name="asking",
        builderNames=["idle"],
        properties=[util.IntParameter(name="number", default=1)],
    ),
    schedulers.SingleBranchScheduler(
        name="main",
        change_filter=util.ChangeFilter(branch="main"),
        fileIsImportant=lambda change: "file" in change.files,
        builderNames=["a"],
    ),
]
