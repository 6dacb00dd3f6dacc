"""Code of custom steps works on what a running build gives it, and says when there is none."""

import os
import sys
import tempfile
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host import runtime
from buildbot._host.deferreds import defer_module
from buildbot.process import buildstep, remotecommand, remotetransfer
from buildbot.process.build import Build
from buildbot.process.builder import Builder, enforceChosenWorker
from buildbot.process.buildrequest import BuildRequest
from buildbot.process.log import Log
from buildbot.process.logobserver import BufferLogObserver
from buildbot.process.properties import Property
from buildbot.process.results import CANCELLED, FAILURE, SUCCESS, WARNINGS
from buildbot.process.workerforbuilder import States, WorkerForBuilder
from buildbot.steps.shell import ShellCommand, Test, WarningCountingShellCommand
from buildbot.steps.transfer import FileUpload
from buildbot.steps.trigger import Trigger
from buildbot.steps.worker import CompositeStepMixin

defer = defer_module()


class Session:
    """Answers as a master would, at once, and remembers what it was asked."""

    def __init__(self, output=(), code=0):
        self.asked = []
        self.output = output
        self.code = code
        self.logs = 0

    def ask(self, subject, what, args):
        self.asked.append((what, args))
        return defer.succeed(getattr(self, what, self.nothing)(subject, args))

    def tell(self, subject, what, args):
        self.asked.append((what, args))

    def nothing(self, subject, args):
        return None

    def addLog(self, step, args):
        self.logs += 1
        return self.logs

    def runCommand(self, command, args):
        for stream, text in self.output:
            command.logs["stdio"].observed(stream, text)
            if stream == "o" and command.collectStdout:
                command.stdout += text
        command.rc = self.code

    def whats(self):
        return [what for what, _args in self.asked]


class Config:
    env = {"FROM": "builder", "BOTH": "builder"}
    workernames = ["w"]
    tags = []
    properties = {}
    defaultProperties = {}
    collapseRequests = None


class Worker:
    workername = "w"
    worker_system = "posix"


def request(**parts):
    data = {"id": 1, "reason": "because", "sources": [{"codebase": ""}]}
    data.update(parts)
    stamp = {"branch": None, "revision": None, "repository": "", "project": "", "patch": None}
    data["sources"] = [{**stamp, **source} for source in data["sources"]]
    return BuildRequest.from_description(data)


def build_of(*requests, session=None):
    builder = Builder.from_description({"name": "b", "builderid": 4}, Config())
    build = Build.from_description(
        {"number": 7, "workername": "w", "worker_system": "posix", "properties": {}},
        list(requests) or [request()],
        builder,
    )
    build._session = builder._session = session
    return build


class NewWorker:
    """A worker that knows all commands."""

    worker = Worker()

    def getWorkerCommandVersion(self, command, oldversion=None):
        return "3.3"


def running(template, session):
    """A step of a build, with `session`."""
    step = buildstep.create_step_from_step_or_factory(template)
    step.setBuild(build_of(session=session))
    step.build.workerforbuilder = NewWorker()
    step._session = session
    return step


def result_of(deferred):
    found = []
    deferred.addBoth(found.append)
    if not found:
        raise AssertionError("it still waits")
    value = found[0]
    if isinstance(getattr(value, "value", None), BaseException):
        raise value.value
    return value


class Custom(buildstep.ShellMixin, buildstep.BuildStep):
    def __init__(self, **kwargs):
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        self.observer = BufferLogObserver()
        self.addLogObserver("stdio", self.observer)

    @defer.inlineCallbacks
    def run(self):
        command = yield self.makeRemoteShellCommand(collectStdout=True)
        yield self.runCommand(command)
        names = self.observer.getStdout().split()
        self.build.addStepsAfterCurrentStep([ShellCommand(command=["make", n]) for n in names])
        self.setProperty("names", names, "Custom")
        return command.results()


class CustomSteps(unittest.TestCase):
    def test_a_custom_step_runs_a_command_and_adds_steps(self):
        session = Session([("h", "starts\n"), ("o", "one\ntwo\n")])
        step = running(Custom(command=["list"]), session)
        self.assertEqual(result_of(step.run()), SUCCESS)
        self.assertEqual(step.getProperty("names"), ["one", "two"])
        self.assertEqual(session.whats(), ["addLog", "runCommand", "addSteps"])
        self.assertEqual([s.command for s in step.build.steps], [["make", "one"], ["make", "two"]])

    def test_the_environment_of_the_step_wins(self):
        session = Session()
        step = running(Custom(command=["x"], env={"BOTH": "step"}), session)
        result_of(step.run())
        env = session.asked[1][1]["args"]["env"]
        self.assertEqual(env, {"FROM": "builder", "BOTH": "step"})

    def test_nested_commands_are_flattened(self):
        session = Session()
        step = running(Custom(command=["a", ["b", ("c",)]]), session)
        result_of(step.run())
        self.assertEqual(session.asked[1][1]["args"]["command"], ["a", "b", "c"])

    def test_coroutines_are_steps_too(self):
        class Mine(buildstep.BuildStep):
            async def run(self):
                log = await self.addLog("x")
                await log.addStdout("a\n")
                await log.finish()
                return WARNINGS

        step = running(Mine(), Session())
        self.assertEqual(result_of(defer.ensureDeferred(step.run())), WARNINGS)

    def test_a_stopped_step_runs_no_command(self):
        session = Session()
        step = running(Custom(command=["x"]), session)
        step.stopped = True
        self.assertEqual(result_of(step.runCommand(None)), CANCELLED)
        self.assertEqual(session.asked, [])

    def test_without_a_running_build_it_says_so(self):
        step = buildstep.create_step_from_step_or_factory(Custom(command=["x"]))
        with self.assertRaises(runtime.NeedsRunningBuild) as raised:
            result_of(step.addURL("a", "b"))
        self.assertEqual(str(raised.exception), "Custom.addURL needs a running build")

    def test_a_log_before_the_step_runs_cancels_it(self):
        step = buildstep.create_step_from_step_or_factory(Custom(command=["x"]))
        with self.assertRaises(buildstep.BuildStepCancelled):
            result_of(step.addLog("x"))

    def test_the_original_of_an_overridden_method_is_asked_of_the_master(self):
        class Mine(FileUpload):
            def run(self):
                return super().run()

        session = Session()
        result_of(running(Mine(workersrc="x", masterdest="y"), session).run())
        self.assertEqual(
            session.asked, [("run", {"of": "buildbot.steps.transfer.FileUpload.run", "given": {}})]
        )

    def test_names_of_commands_that_fail_end_the_step(self):
        class Mine(CompositeStepMixin, buildstep.BuildStep):
            logEnviron = False

            @defer.inlineCallbacks
            def run(self):
                yield self.addLogForRemoteCommands("stdio")
                failed = yield self.runMkdir("d", abandonOnFailure=False)
                there = yield self.pathExists("d")
                self.answers = (failed, there)
                yield self.runRmdir("d")

        step = running(Mine(), Session(code=1))
        with self.assertRaises(buildstep.BuildStepFailed):
            result_of(step.run())
        self.assertEqual(step.answers, (True, False))


class Rendering(unittest.TestCase):
    def test_renderables_of_all_classes_are_rendered(self):
        class Mine(Custom):
            renderables = ("extra",)

            def __init__(self, extra, **kwargs):
                super().__init__(**kwargs)
                self.extra = extra

        template = Mine(Property("x"), command=["a", Property("y")], workdir=Property("z"))
        step = running(template, Session())
        for name in "xyz":
            step.build.setProperty(name, f"rendered {name}", "test")
        result_of(step._render_renderables())
        self.assertEqual(step.extra, "rendered x")
        self.assertEqual(step.command, ["a", "rendered y"])
        self.assertEqual(step.workdir, "rendered z")
        self.assertTrue(step.rendered)

    def test_without_a_directory_of_its_own_a_step_works_in_that_of_the_build(self):
        step = running(ShellCommand(command="x"), Session())
        self.assertEqual(step.workdir, "build")
        step.build.workdir = lambda sources: f"{len(sources)} sources"
        self.assertEqual(step.workdir, "1 sources")


class Summaries(unittest.TestCase):
    def check(self, step, text, results=SUCCESS):
        step = running(step, None)
        step.results = results
        self.assertEqual(step.getResultSummary(), {"step": text})

    def test_a_command_is_shown_shortened(self):
        self.check(ShellCommand(command=["make", "all"]), "'make all'")
        self.check(ShellCommand(command="sleep 5 and more"), "'sleep 5 ...'")

    def test_failures_are_named(self):
        self.check(ShellCommand(command=["x"]), "'x' (failure)", FAILURE)

    def test_the_description_counts_when_it_is_given(self):
        self.check(ShellCommand(command=["x"], descriptionDone="did it"), "did it")
        self.check(buildstep.BuildStep(description="does", descriptionSuffix="so"), "does so")

    def test_counts_of_tests_are_shown(self):
        step = running(Test(), None)
        step.results = FAILURE
        step.setTestResults(total=4, failed=1, passed=3)
        self.assertEqual(step.getResultSummary()["step"], "4 tests 3 passed 1 failed (failure)")

    def test_triggered_builds_are_counted(self):
        step = running(Trigger(schedulerNames=["a"]), None)
        step.triggeredNames = ["a", "b"]
        step._result_list = [FAILURE, SUCCESS, FAILURE]
        self.assertEqual(step.getCurrentSummary()["step"], "triggered a, b, 1 success, 2 failures")


class Warnings(unittest.TestCase):
    def step(self, lines, **kwargs):
        step = running(WarningCountingShellCommand(command="x", **kwargs), Session())
        consumer = step.warningLogConsumer()
        next(consumer)
        for line in lines:
            consumer.send(("o", line))
        return step

    def test_lines_that_match_are_warnings(self):
        step = self.step(["a warning: b", "all is well", "WARNING c"])
        self.assertEqual(step.loggedWarnings, ["a warning: b", "WARNING c"])

    def test_suppressed_lines_are_not_counted(self):
        step = running(WarningCountingShellCommand(command="x"), Session())
        step.addSuppression([(None, "unimportant", None, None)])
        step.maybeAddWarning(step.loggedWarnings, "warning: unimportant", None)
        step.maybeAddWarning(step.loggedWarnings, "warning: other", None)
        self.assertEqual(step.warnCount, 1)

    def test_files_are_found_in_the_directories_that_make_enters(self):
        step = running(
            WarningCountingShellCommand(
                command="x",
                warningPattern="(.*?):([0-9]+): [Ww]arning: (.*)",
                warningExtractor=WarningCountingShellCommand.warnExtractFromRegexpGroups,
            ),
            Session(),
        )
        step.addSuppression([("src/lib/a.c", None, 3, 5)])
        consumer = step.warningLogConsumer()
        next(consumer)
        for line in (
            "make: Entering directory `src'",
            "make[1]: Entering directory 'lib'",
            "a.c:4: warning: hushed",
            "a.c:9: warning: beyond",
            "make[1]: Leaving directory 'lib'",
            "a.c:4: warning: elsewhere",
        ):
            consumer.send(("o", line))
        self.assertEqual(step.warnCount, 2)

    def test_the_summary_sets_property_and_statistic(self):
        step = self.step(["warning: a"])
        result_of(step.createSummary())
        self.assertEqual(step.getProperty("warnings-count"), 1)
        self.assertEqual(step.getStatistic("warnings"), 1)
        self.assertIn("warnings (1)", step.logs)


class Logs(unittest.TestCase):
    def log(self, kind="s"):
        log = Log.new(None, "x", kind, 3, "utf-8")
        log._session = self.session = Session()
        self.seen = []
        log.subscribe(lambda stream, text: self.seen.append((stream, text)))
        return log

    def stored(self):
        return [
            (args["stream"] or "") + args["text"]
            for what, args in self.session.asked
            if what == "appendLines"
        ]

    def test_partial_lines_wait_for_their_end(self):
        log = self.log()
        log.addStdout("ab")
        log.addStderr("e\n")
        log.addStdout("c\nd")
        self.assertEqual(self.stored(), ["ee\n", "oabc\n"])
        result_of(log.finish())
        self.assertEqual(self.seen, [("e", "e\n"), ("o", "abc\n"), ("o", "d\n"), (None, None)])

    def test_bytes_are_decoded(self):
        log = self.log("t")
        log.addContent(b"a\xff\n")
        self.assertEqual(self.stored(), ["a\ufffd\n"])

    def test_a_log_ends_once(self):
        log = self.log()
        result_of(log.finish())
        with self.assertRaises(AssertionError):
            result_of(log.finish())

    def test_an_observer_that_raises_is_noted_and_the_others_are_served(self):
        log = self.log()
        log._callbacks.insert(0, lambda stream, text: 1 / 0)
        log.addStdout("x\n")
        self.assertEqual(self.seen, [("o", "x\n")])
        self.assertTrue(log.had_errors())

    def test_unknown_kinds_are_refused(self):
        with self.assertRaises(RuntimeError):
            Log.new(None, "x", "z", 1, "utf-8")


class Commands(unittest.TestCase):
    def test_results_follow_the_exit_code(self):
        command = remotecommand.RemoteCommand("x", {}, decodeRC={0: SUCCESS, 5: WARNINGS})
        for code, result in ((0, SUCCESS), (5, WARNINGS), (1, FAILURE), (None, FAILURE)):
            command.rc = code
            self.assertEqual(command.results(), result)
        command.interrupted = True
        self.assertEqual((command.results(), command.didFail()), (CANCELLED, False))

    def test_hidden_words_are_shown_otherwise(self):
        command = remotecommand.RemoteShellCommand("w", ["a", ("obfuscated", "secret", "XX")])
        self.assertEqual(command.fake_command, ["a", "XX"])
        self.assertNotIn("secret", repr(command))

    def test_updates_are_kept_by_their_key(self):
        command = remotecommand.RemoteCommand("stat", {})
        command.active = True
        command.remote_update([({"stat": (1, 2)}, 0), ({b"rc": 0}, 1)])
        self.assertEqual((command.updates["stat"], command.rc), ([(1, 2)], 0))

    def test_a_string_is_written_and_read(self):
        writer = remotetransfer.StringFileWriter()
        writer.remote_write(b"ab")
        writer.remote_write("c")
        self.assertEqual(writer.buffer, "abc")
        self.assertEqual(remotetransfer.StringFileReader("abc").remote_read(2), b"ab")

    def test_a_file_appears_when_it_is_complete(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sub", "file")
            writer = remotetransfer.FileWriter(path, 4, 0o600)
            writer.remote_write(b"abcdef")
            self.assertFalse(os.path.exists(path))
            writer.remote_close()
            with open(path, "rb") as file:
                self.assertEqual(file.read(), b"abcd")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)


class Builds(unittest.TestCase):
    def test_the_last_request_gives_the_source_stamp(self):
        build = build_of(
            request(sources=[{"codebase": "", "revision": "1"}, {"codebase": "x"}]),
            request(id=2, reason="other", sources=[{"codebase": "", "revision": "2"}]),
        )
        self.assertEqual(build.getSourceStamp("").revision, "2")
        self.assertEqual(len(build.getAllSourceStamps()), 2)
        self.assertIsNone(build.getSourceStamp("y"))
        self.assertEqual(build.reason, "because, other")

    def test_changes_and_authors_are_known(self):
        change = {"author": "a", "files": ["f"], "properties": {"x": (1, "Change")}}
        patch = {"level": 1, "body": b"", "subdir": "", "author": "p", "comment": ""}
        build = build_of(request(sources=[{"codebase": "", "changes": [change], "patch": patch}]))
        self.assertEqual(build.blamelist(), ["a", "p"])
        self.assertEqual(build.allFiles(), ["f"])
        self.assertEqual(next(iter(build.allChanges())).properties["x"], 1)

    def test_names_of_steps_become_unique(self):
        build = build_of()
        names = [build.setUniqueStepName(name) for name in ("a", "a", "b", "a")]
        self.assertEqual(names, ["a", "a_1", "b", "a_2"])

    def test_steps_of_a_later_call_come_first(self):
        session = Session()
        build = build_of(session=session)
        build.addStepsAfterCurrentStep([ShellCommand(command="1")])
        build.addStepsAfterCurrentStep([ShellCommand(command="2")])
        build.addStepsAfterLastStep([ShellCommand(command="3")])
        self.assertEqual([step.command for step in build.steps], ["2", "1", "3"])

    def test_after_the_end_only_steps_that_always_run_are_left(self):
        build = build_of()
        build.steps = build.setupBuildSteps(
            [ShellCommand(command="1"), ShellCommand(command="2", alwaysRun=True)]
        )
        build.terminate = True
        self.assertEqual(build.getNextStep().command, "2")
        self.assertIsNone(build.getNextStep())

    def test_what_the_master_does_while_it_fetches_sources_is_not_overridden_silently(self):
        from buildbot._host.session import _refuse_overridden_natives
        from buildbot.steps.source.git import Git

        class Fine(Git):
            def run_vc(self, branch, revision, patch):
                return super().run_vc(branch, revision, patch)

            def updateSourceProperty(self, name, value, source=""):
                pass

        class Deep(Fine):
            def parseGotRevision(self, _=None):
                pass

        _refuse_overridden_natives(Fine(repourl="x"))
        with self.assertRaisesRegex(NotImplementedError, "Deep.parseGotRevision is not called"):
            _refuse_overridden_natives(Deep(repourl="x"))

    def test_statistics_of_steps_are_folded(self):
        build = build_of()
        for count in (1, 5):
            step = running(ShellCommand(command="x"), None)
            step.setStatistic("warnings", count)
            build.executedSteps.append(step)
        add = int.__add__
        self.assertEqual(build.getSummaryStatistic("warnings", add), 6)
        self.assertEqual(build.getSummaryStatistic("other", add, 3), 3)

    def test_a_request_may_choose_its_worker(self):
        worker = WorkerForBuilder.from_description(
            {"state": "AVAILABLE", "available": True}, Builder("b"), Worker()
        )
        self.assertEqual(worker.state, States.AVAILABLE)
        for chosen, allowed in (("w", True), ("z", False), (None, True)):
            properties = {} if chosen is None else {"workername": (chosen, "x")}
            asked = request(properties=properties)
            self.assertEqual(enforceChosenWorker(None, worker, asked), allowed)

    def test_available_workers_are_told(self):
        builder = Builder.from_description(
            {
                "name": "b",
                "workers": [
                    {"worker": Worker(), "state": "AVAILABLE", "available": True},
                    {"worker": Worker(), "state": "BUILDING", "latent": True},
                ],
            }
        )
        self.assertEqual(len(builder.getAvailableWorkers()), 1)
        self.assertEqual(
            repr(builder.workers[0]), "<WorkerForBuilder builder='b' worker='w' state=AVAILABLE>"
        )


if __name__ == "__main__":
    unittest.main()
