"""Steps of users' classes, as configurations have them."""

import re

from twisted.internet import defer

from buildbot.plugins import steps, util
from buildbot.process import buildstep, logobserver, remotecommand
from buildbot.process.results import (
    CANCELLED,
    EXCEPTION,
    FAILURE,
    RETRY,
    SKIPPED,
    SUCCESS,
    WARNINGS,
)
from buildbot.steps.source.git import Git
from buildbot.steps.worker import CompositeStepMixin


class Nothing(steps.BuildStep):
    """Ends with what it is told."""

    name = "nothing"

    def __init__(self, ends=SUCCESS, **kwargs):
        self.ends = ends
        super().__init__(**kwargs)

    def run(self):
        return defer.succeed(self.ends)


class Plain(steps.BuildStep):
    def run(self):
        return SUCCESS


class NoRun(steps.BuildStep):
    def getCurrentSummary(self):
        return {"step": "here"}


class Raises(steps.BuildStep):
    def __init__(self, what, **kwargs):
        self.what = what
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self):
        yield self.addCompleteLog("before", "text")
        raise self.what


class Coroutine(steps.BuildStep):
    async def run(self):
        log = await self.addLog("x")
        await log.addStdout("a\nb")
        await log.addStderr("c\n")
        await log.addHeader("d\n")
        await log.finish()
        return WARNINGS


class Logs(steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        yield self.addCompleteLog("text", "one\ntwo")
        yield self.addHTMLLog("page", "<b>x</b>")
        log = yield self.addLog("plain", "t")
        yield log.addContent("part")
        yield log.addContent("ial\nrest")
        stream = yield self.addLog("stream")
        stream.addStdout("no newline")
        yield stream.addStderr(b"bytes \xff\n")
        again = yield self.addLog("text")
        yield again.addStdout("again\n")
        open_one = yield self.addLog("left open")
        yield open_one.addStdout("left")
        assert self.getLog("stream") is stream
        try:
            self.getLog("none")
        except KeyError:
            yield self.addURL("no log", "http://none")
        return SUCCESS


class WithFailure(steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        try:
            raise ValueError("seen")
        except ValueError as error:
            yield self.addLogWithException(error)
            yield self.addLogWithException(error, "mine-")
        return FAILURE


class Shell(buildstep.ShellMixin, steps.BuildStep):
    """The commonest of all."""

    name = "custom-shell"

    def __init__(self, collect=False, **kwargs):
        self.collect = collect
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self):
        cmd = yield self.makeRemoteShellCommand(collectStdout=self.collect)
        yield self.runCommand(cmd)
        if self.collect:
            self.setProperty("out", cmd.stdout, "Shell")
            self.setProperty("rc", cmd.rc, "Shell")
        return cmd.results()


class Several(buildstep.ShellMixin, steps.BuildStep):
    """Several commands in one log."""

    def __init__(self, **kwargs):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)

    async def run(self):
        for word in ("one", "two", "three"):
            cmd = await self.makeRemoteShellCommand(command=["do", word], collectStderr=True)
            await self.runCommand(cmd)
            self.setStatistic(word, len(cmd.stderr))
            if cmd.didFail():
                self.descriptionDone = f"{word} broke"
                return cmd.results()
        return SUCCESS


class Lines(logobserver.LogLineObserver):
    def __init__(self):
        super().__init__()
        self.lines = []
        self.finished = 0

    def outLineReceived(self, line):
        self.lines.append("o" + line)
        self.step.setProperty("seen", list(self.lines), "Lines")

    def errLineReceived(self, line):
        self.lines.append("e" + line)

    def headerLineReceived(self, line):
        self.lines.append("h" + line)

    def finishReceived(self):
        self.finished += 1


class Observing(Shell):
    """Observers of all kinds."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lines = Lines()
        self.buffer = logobserver.BufferLogObserver(wantStderr=True)
        self.addLogObserver("stdio", self.lines)
        self.addLogObserver("stdio", self.buffer)
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self.consume))
        self.consumed = []

    def consume(self):
        self.started = True
        while True:
            stream, line = yield
            self.consumed.append(stream + line)

    @defer.inlineCallbacks
    def run(self):
        result = yield super().run()
        yield self.getLog("stdio").finish()
        self.setProperty("lines", self.lines.lines, "Observing")
        self.setProperty("finished", self.lines.finished, "Observing")
        self.setProperty("stdout", self.buffer.getStdout(), "Observing")
        self.setProperty("stderr", self.buffer.getStderr(), "Observing")
        self.setProperty("consumed", self.consumed, "Observing")
        self.setProperty("started", hasattr(self, "started"), "Observing")
        return result


class BadObserver(logobserver.LogObserver):
    def outReceived(self, data):
        raise RuntimeError("observers may break")


class BadlyObserved(Shell):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.addLogObserver("stdio", BadObserver())


class Generator(Shell):
    """Finds out what to do, and does it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.observer = logobserver.BufferLogObserver()
        self.addLogObserver("stdio", self.observer)

    @defer.inlineCallbacks
    def run(self):
        cmd = yield self.makeRemoteShellCommand()
        yield self.runCommand(cmd)
        result = cmd.results()
        if result == SUCCESS:
            self.build.addStepsAfterCurrentStep([
                steps.ShellCommand(name=name, command=["build", name], haltOnFailure=True)
                for name in self.observer.getStdout().split()
            ])
            self.build.addStepsAfterLastStep([Shell(command="last"), Plain()])
        return result


class Updating(remotecommand.RemoteShellCommand):
    """A command that looks at everything."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen = []

    def remoteUpdate(self, key, value, is_flushed):
        if key not in ("header", "elapsed"):
            self.seen.append([key, value])
        return super().remoteUpdate(key, value, is_flushed)


class UsesUpdating(steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        log = yield self.addLog("stdio")
        cmd = Updating("build", ["look"], collectStdout=True)
        cmd.useLog(log, True)
        yield self.runCommand(cmd)
        self.setProperty("seen", [pair for pair in cmd.seen if pair[0] != "rc"], "x")
        self.setProperty("stdout", cmd.stdout, "x")
        self.setProperty("same", self.cmd is None, "x")
        return cmd.results()


class Commands(steps.BuildStep):
    """Commands of the worker by name."""

    @defer.inlineCallbacks
    def run(self):
        cmd = remotecommand.RemoteCommand("stat", {"file": "x"})
        yield self.runCommand(cmd)
        self.setProperty("is dir", bool(cmd.updates["stat"] and cmd.updates["stat"][-1][0] & 0o40000), "x")
        cmd = remotecommand.RemoteCommand("glob", {"path": "*.c"})
        log = yield self.addLog("files")
        cmd.useLog(log, False, "stdio")
        yield self.runCommand(cmd)
        self.setProperty("files", cmd.updates["files"][0], "x")
        self.setProperty("failed", cmd.didFail(), "x")
        return cmd.results()


class Mixed(buildstep.CommandMixin, steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        there = yield self.pathExists("a")
        made = yield self.runMkdir("b")
        found = yield self.runGlob("c/*")
        gone = yield self.runRmdir("d", abandonOnFailure=False)
        self.setProperty("answers", [there, made, found, gone], "Mixed")
        yield self.runMkdir("e")
        return SUCCESS


class Composite(buildstep.ShellMixin, CompositeStepMixin, steps.BuildStep):
    def __init__(self, **kwargs):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self):
        yield self.addLogForRemoteCommands("stdio")
        there = yield self.pathExists("a")
        didFail = yield self.runMkdir("b")
        content = yield self.getFileContentFromWorker("version.txt")
        self.setProperty("content", content, "Composite")
        yield self.downloadFileContentToWorker("out.txt", f"content: {content}")
        files = yield self.runGlob("*")
        yield self.runRmFile("z")
        self.setProperty("answers", [there, didFail, files], "Composite")
        return SUCCESS


class Talks(steps.BuildStep):
    """Facts of step and build."""

    renderables = ["text"]

    def __init__(self, text=None, **kwargs):
        self.text = text
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self):
        yield self.addURL("page", f"http://x/{self.text}")
        self.setProperty("one", 1, "Talks")
        self.setProperty("two", self.getProperty("one") + 1)
        self.setProperty("list", ["a", {"b": None}], "Talks", runtime=True)
        rendered = yield self.build.render(util.Interpolate("%(prop:two)s-%(kw:k)s", k="v"))
        self.setProperty("rendered", rendered, "Talks")
        mine = yield self.render([util.Property("one"), util.Property("none", default="d")])
        self.setProperty("mine", mine, "Talks")
        self.setProperty("has", [self.hasProperty("one"), self.hasProperty("zero"), self.getProperty("zero", 5)], "Talks")
        self.setStatistic("count", 3)
        self.setStatistic("count", self.getStatistic("count", 0) + 1)
        self.setProperty("stats", [self.hasStatistic("count"), self.getStatistic("x", 9)], "Talks")
        self.setProperty("names", [self.name, self.build.buildid, self.build.number, self.getWorkerName()], "Talks")
        yield self.setBuildData("data", b"bytes", "Talks")
        self.setProperty("versions", [self.workerVersion("shell"), self.workerVersionIsOlderThan("shell", "3.0")], "Talks")
        self.setProperty("path", self.build.path_module.join("a", "b"), "Talks")
        self.setProperty("workdir", self.workdir, "Talks")
        self.descriptionDone = ["said", str(self.text)]
        self.updateSummary()
        value = yield 5
        return SUCCESS if value == 5 else FAILURE


class Sources(steps.BuildStep):
    def run(self):
        build = self.build
        stamp = build.getSourceStamp("cb")
        self.setProperty("stamp", [stamp.branch, stamp.revision, stamp.repository, stamp.project], "Sources")
        self.setProperty("files", sorted(build.allFiles()), "Sources")
        self.setProperty("who", [change.who for change in build.allChanges()], "Sources")
        self.setProperty("none", build.getSourceStamp("nope") is None, "Sources")
        return SUCCESS


class Tests(steps.BuildStep):
    @defer.inlineCallbacks
    def addTestResultSets(self):
        self.setid = yield self.addTestResultSet("desc", "pass_fail", "boolean")

    def run(self):
        self.addTestResult(self.setid, "1", test_name="a", duration_ns=5)
        self.addTestResult(self.setid, "0", test_name="b", test_code_path="f.py", line=7)
        return SUCCESS


class Summary(steps.BuildStep):
    def __init__(self, current=None, result=None, **kwargs):
        self.current = current
        self.result = result
        super().__init__(**kwargs)

    def getCurrentSummary(self):
        return self.current or super().getCurrentSummary()

    @defer.inlineCallbacks
    def getResultSummary(self):
        yield None
        return self.result or super().getResultSummary()

    @defer.inlineCallbacks
    def run(self):
        cmd = remotecommand.RemoteCommand("mkdir", {"dir": "x"})
        yield self.runCommand(cmd)
        return cmd.results()


class Stopped(Shell):
    """Goes on after it was stopped."""

    @defer.inlineCallbacks
    def run(self):
        cmd = yield self.makeRemoteShellCommand()
        yield self.runCommand(cmd)
        self.setProperty("stopped", self.stopped, "Stopped")
        self.setProperty("results", cmd.results(), "Stopped")
        again = yield self.makeRemoteShellCommand(command=["again"])
        answer = yield self.runCommand(again)
        self.setProperty("answer", answer if isinstance(answer, int) else "command", "Stopped")
        return cmd.results()


class Interrupted(Shell):
    @defer.inlineCallbacks
    def interrupt(self, reason):
        self.setProperty("reason", str(reason), "Interrupted")
        yield super().interrupt(reason)
        yield self.addCompleteLog("mine", f"got {reason}\n")


class Delayed(steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        cmd = remotecommand.RemoteShellCommand("build", ["x"], logfiles={"late": "late.log", "never": "n.log"})
        log = yield self.addLog("stdio")
        cmd.useLog(log, True)
        cmd.useLogDelayed("late", lambda cmd: self.addLog("late-log"), True)
        cmd.useLogDelayed("never", lambda cmd: self.addLog("never-log"), True)
        yield self.runCommand(cmd)
        self.setProperty("logs", sorted(self.logs), "Delayed")
        return cmd.results()


class Decides(steps.ShellCommand):
    """A built-in step whose text and result are its own."""

    def getResultSummary(self):
        return {"step": f"mine: {self.results}", "build": "in the build"}

    @defer.inlineCallbacks
    def run(self):
        self.command = ["changed", *self.command]
        self.env = {"MORE": "1"}
        res = yield super().run()
        return WARNINGS if res == FAILURE else res


class Counts(steps.WarningCountingShellCommand):
    def maybeAddWarning(self, warnings, line, match):
        if "harmless" not in line:
            super().maybeAddWarning(warnings, line, match)

    @defer.inlineCallbacks
    def createSummary(self):
        yield super().createSummary()
        yield self.addCompleteLog("mine", f"{self.warnCount}")

    def evaluateCommand(self, cmd):
        if cmd.rc == 7:
            return SKIPPED
        return super().evaluateCommand(cmd)


class Tested(steps.Test):
    @defer.inlineCallbacks
    def run(self):
        res = yield super().run()
        self.setTestResults(total=5, failed=1, passed=3, warnings=1)
        return res


class Compiled(steps.Compile):
    def getCurrentSummary(self):
        return {"step": "compiling now"}


class Triggers(steps.Trigger):
    def createTriggerProperties(self, properties):
        made = super().createTriggerProperties(properties)
        made.setProperty("extra", self.getProperty("p"), "Triggers")
        return made

    def getSchedulersAndProperties(self):
        return [
            {"sched_name": name, "props_to_set": {**self.set_properties, "which": name}, "unimportant": name == "b"}
            for name in ("a", "b")
        ]


class TriggersLater(steps.Trigger):
    @defer.inlineCallbacks
    def getSchedulersAndProperties(self):
        found = yield super().getSchedulersAndProperties()
        return found[:1]

    def getCurrentSummary(self):
        return {"step": f"mine {self.triggeredNames}"}


class Uploads(steps.FileUpload):
    @defer.inlineCallbacks
    def run(self):
        self.masterdest = "changed.txt"
        res = yield super().run()
        self.setProperty("uploaded", res, "Uploads")
        return res

    def getResultSummary(self):
        return {"step": f"uploaded {self.workersrc}"}


class SetsFromCommand(steps.SetPropertyFromCommand):
    @defer.inlineCallbacks
    def run(self):
        res = yield super().run()
        self.setProperty("after", self.getProperty("p", "nothing"), "SetsFromCommand")
        return res


class MasterCommand(steps.MasterShellCommand):
    @defer.inlineCallbacks
    def run(self):
        res = yield super().run()
        yield self.addURL("done", "http://done")
        return res


class Sequence(steps.ShellSequence):
    def shouldRunTheCommand(self, cmd):
        return bool(cmd) and "skip" not in cmd

    @defer.inlineCallbacks
    def run(self):
        res = yield self.runShellSequence([
            util.ShellArg(command=["one"], logname="first", haltOnFailure=True),
            util.ShellArg(command=["skip", "me"], logname="none"),
            util.ShellArg(command=["two", "x"], logname="second", flunkOnFailure=False, warnOnFailure=True),
        ])
        return res


class Uses(Nothing):
    """`doStepIf` and `hideStepIf` see the step itself."""

    mark = "marked"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.doStepIf = Uses.is_wanted
        self.hideStepIf = lambda results, step: step.mark == "marked" and results == SKIPPED

    def is_wanted(self):
        return defer.succeed(self.getProperty("wanted"))


class Stops(steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        yield self.build.stopBuild("enough")
        return SUCCESS


class Old(buildstep.BuildStep):
    """Deferreds by hand."""

    def run(self):
        d = self.addLog("out")

        def got(log):
            self.log = log
            return log.addStdout("line\n")

        d.addCallback(got)
        d.addCallback(lambda _: self.log.finish())
        d.addCallback(lambda _: WARNINGS)
        return d


class Fetches(Git):
    @defer.inlineCallbacks
    def run_vc(self, branch, revision, patch):
        yield self.addCompleteLog("before", repr([branch, revision, patch]))
        res = yield super().run_vc(branch, revision, patch)
        self.setProperty("fetched", [res, self.getProperty("got_revision")], "Fetches")
        return res


class Notes(Git):
    """Has its own idea of the properties about sources."""

    def updateSourceProperty(self, name, value, source=""):
        super().updateSourceProperty(f"our {name}", value, "Notes")


class OwnSources(steps.Source if hasattr(steps, "Source") else __import__("buildbot.steps.source.base", fromlist=["Source"]).Source):
    """A version control system that nobody knows."""

    name = "own"

    def computeSourceRevision(self, changes):
        return "newest"

    @defer.inlineCallbacks
    def run_vc(self, branch, revision, patch):
        cmd = remotecommand.RemoteShellCommand(self.workdir, ["own", branch, revision])
        log = yield self.addLog("stdio")
        cmd.useLog(log, False)
        yield self.runCommand(cmd)
        self.updateSourceProperty("got_revision", "5")
        return cmd.results()


class Downloads(steps.StringDownload):
    def __init__(self, **kwargs):
        super().__init__("the text", **kwargs)

    @defer.inlineCallbacks
    def run(self):
        self.s = self.s + " and more"
        res = yield super().run()
        return res


class SetsMore(steps.SetProperty):
    @defer.inlineCallbacks
    def run(self):
        res = yield super().run()
        self.setProperty("seen", self.getProperty("p"), "SetsMore")
        return res


class Wrong(steps.BuildStep):
    def run(self):
        return self.nothing_like_that


class Pieces(steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        log = yield self.addLog("pieces")
        self.seen = []
        log.subscribe(lambda stream, text: self.seen.append([stream, text]))
        for piece in ("a", "b\nc", "", "\n", "d\r\n", "e\rf\n", "\n\n", "last"):
            yield log.addStdout(piece)
            yield log.addStderr(piece.upper())
        yield log.flush()
        yield log.add_stdout_lines("whole\nlines\n")
        yield log.finish()
        self.setProperty("seen", self.seen, "Pieces")
        return SUCCESS


class BadInterrupt(Shell):
    def interrupt(self, reason):
        d = super().interrupt(reason)
        d.addCallback(lambda _: 1 / 0)
        return d


def wanted_later(step):
    return defer.succeed(step.getProperty("p") == 1)
