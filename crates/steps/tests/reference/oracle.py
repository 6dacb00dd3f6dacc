"""Runs steps of the real Buildbot against a script of answers, and writes what happened.

Run as ``oracle.py CASES.json``; writes a JSON array with an outcome for each case. README.md beside this file
says what a case and an outcome look like.
"""

import base64
import io
import json
import os
import re
import sys
import tarfile
import tempfile
import traceback

from twisted.internet import defer
from twisted.internet import error
from twisted.python.failure import Failure
from twisted.spread import pb
from twisted.trial import unittest

import buildbot.plugins
from buildbot.interfaces import ITriggerableScheduler
from buildbot.process import buildstep
from buildbot.process import properties
from buildbot.process import remotecommand
from buildbot.process.buildrequest import TempChange
from buildbot.process.buildrequest import TempSourceStamp
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import TestBuildStepMixin
from zope.interface import implementer

LOG_STREAMS = ("stdout", "stderr", "header")


def plain(value):
    """As JSON: what is compared makes no difference between lists and tuples."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else repr(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, pb.Referenceable):
        return "<transfer>"
    if isinstance(value, properties.Property):
        return repr(value)
    return repr(value)


class Updates:
    """The writes of a step, as they reach the data API."""

    def __init__(self, updates, seen):
        self._updates = updates
        self._seen = seen

    def __getattr__(self, name):
        method = getattr(self._updates, name)

        def recorded(*args, **kwargs):
            d = method(*args, **kwargs)
            if isinstance(d, defer.Deferred):
                d.addCallback(lambda result: self._note(name, args, kwargs, result))
            return d

        return recorded

    def _note(self, name, args, kwargs, result):
        seen = self._seen
        if name == "addLog":
            seen.logs[result] = {"name": args[1], "type": args[2], "text": "", "finished": False}
        elif name == "appendLog":
            seen.logs[args[0]]["text"] += args[1]
        elif name == "finishLog":
            seen.logs[args[0]]["finished"] = True
        elif name == "addStepURL":
            seen.urls.append([args[1], args[2]])
        elif name == "setStepStateString":
            seen.states.append(args[1])
        elif name == "finishStep":
            seen.finished = [args[1], args[2]]
        return result


class Seen:
    def __init__(self):
        self.commands = []
        self.logs = {}
        self.urls = []
        self.states = []
        self.finished = None
        self.running = None
        self.triggered = []


@implementer(ITriggerableScheduler)
class Scheduler:
    """A scheduler that is triggered, and ends as the case says."""

    parent = True

    def __init__(self, test, name, script):
        self.name = name
        self.test = test
        self.script = script

    def trigger(self, waited_for, sourcestamps=None, set_props=None, parent_buildid=None, parent_relationship=None):
        self.test.seen.triggered.append({
            "scheduler": self.name,
            "waited_for": plain(waited_for),
            "source_stamps": plain(sourcestamps),
            "properties": sorted([name, plain(value), source] for name, value, source in set_props.asList()),
            "parent_relationship": plain(parent_relationship),
            "parent_buildid": parent_buildid,
        })
        if "error" in self.script:
            return defer.fail(ValueError(self.script["error"])), defer.Deferred()
        ids = defer.succeed((self.script["buildset"], {int(k): v for k, v in self.script["requests"].items()}))
        done = defer.Deferred()
        if not self.script.get("hangs"):
            answer = (self.script["results"], {int(k): v for k, v in self.script["requests"].items()})
            self.test.reactor.callLater(0.5, done.callback, answer)
        else:
            self.test.hanging.append((done, (6, ids.result[1])))
        return ids, done


class Case(TestBuildStepMixin, TestReactorMixin, unittest.TestCase):
    case = None
    outcome = None

    @defer.inlineCallbacks
    def runTest(self):
        case = self.case
        self.seen = Seen()
        self.answers = list(case.get("worker", []))
        self.setup_test_reactor()
        os.makedirs("master", exist_ok=True)
        yield self.setup_test_build_step(want_data=True, want_db=True, want_mq=True, with_secrets=case.get("secrets") or None)
        self.master.data.updates = Updates(self.master.data.updates, self.seen)
        self.master.basedir = os.path.abspath(".")
        versions = case.get("worker_version")
        self.setup_build(worker_version=versions, worker_env=None, build_files=None)
        self.build = self._setup_fake_build(versions, {}, None)
        del self.build.allFiles
        self.build.env = eval_(case["env"]) if isinstance(case.get("env"), str) else case.get("env", {})
        self.build.builder.name = "bldr"
        self.worker.worker_environ = case.get("worker_env", {})
        self.build.results = 0
        self.build.workername = "test"
        self.build.conn = None if case.get("without_connection") else self.worker.conn
        if case.get("system"):
            self.change_worker_system(case["system"])
        else:
            self.change_worker_system("posix")
        self.build.sources = {}
        for stamp in case.get("stamps", []):
            stamp = dict(stamp)
            changes = [TempChange(change) for change in stamp.pop("changes", [])]
            if stamp.get("patch"):
                stamp["patch"] = dict(stamp["patch"], body=stamp["patch"]["body"].encode())
            source = TempSourceStamp(stamp)
            source.changes = changes
            self.build.sources[stamp["codebase"]] = source
        self.build.allChanges = lambda: [
            change for source in self.build.sources.values() for change in source.changes
        ]
        self.build.addStepsAfterCurrentStep = lambda steps: None
        for name, value in case.get("properties", {}).items():
            self.build.setProperty(name, eval_(value[1:]) if isinstance(value, str) and value.startswith("=") else value, "test")
        yield self.builds_of_schedulers(case)
        names = {name: eval_(text) for name, text in case.get("let", {}).items()}
        step = self.setup_step(eval(case["step"], {**NAMES, **names}), want_default_work_dir=False)
        for name in ("addLog", "addHTMLLog", "addCompleteLog"):
            del step.__dict__[name]
        self.results_of_tests(step)
        self.schedulers(case)
        yield self.run_it(step)

    def results_of_tests(self, step):
        self.test_sets = []
        self.test_results = []

    def schedulers(self, case):
        schedulers = case.get("schedulers", {})
        if not schedulers:
            return
        services = {
            name: (Scheduler(self, name, script) if script is not None else object())
            for name, script in schedulers.items()
        }
        manager = self.master.scheduler_manager = type("Manager", (), {})()
        manager.namedServices = services

    @defer.inlineCallbacks
    def builds_of_schedulers(self, case):
        from buildbot.test import fakedb

        rows = []
        builders = {}
        for script in case.get("schedulers", {}).values():
            if script is None:
                continue
            rows.append(fakedb.Buildset(id=script["buildset"]))
            for build in script.get("builds", []):
                builders[build["builderid"]] = build["builder"]
            for builder, request in script["requests"].items():
                builders.setdefault(int(builder), f"b{builder}")
                rows.append(fakedb.BuildRequest(id=request, buildsetid=script["buildset"], builderid=int(builder), complete=0 if script.get("hangs") else 1, results=script.get("results", 0)))
                for build in script.get("builds", []):
                    if build["builderid"] == int(builder):
                        rows.append(fakedb.Build(
                            number=build["number"], builderid=int(builder), buildrequestid=request,
                            results=build["results"], masterid=fakedb.FakeDBConnector.MASTER_ID, workerid=400,
                        ))
        rows = [fakedb.Builder(id=number, name=name) for number, name in builders.items()] + rows
        yield self.master.db.insert_test_data(rows)

        self.hanging = []

        def control(action, args, path):
            for done, answer in self.hanging:
                self.reactor.callLater(0.5, done.callback, answer)
            self.hanging = []
            self.seen.commands.append({"cancel": [int(path[1])], "reason": args.get("reason")})
            return defer.succeed(None)

        self.master.data.control = control

    @defer.inlineCallbacks
    def run_it(self, step):
        from buildbot.test.fake import connection

        self.step_now = step
        self.conn = connection.FakeConnection(self, "connection", step, [])
        self.conn.remoteInterruptCommand = lambda *args: self.seen.commands.append(
            {"interrupt": plain(args[2]) if isinstance(args[2], str) else "failure"}
        ) or defer.succeed(None)
        if "interrupt_before" in self.case:
            d = step.startStep(self.conn)
        else:
            d = step.startStep(self.conn)
        finished = []
        d.addBoth(finished.append)
        for _ in range(400):
            self.reactor.advance(0.25)
            if finished:
                break
            interrupt = self.case.get("interrupt_waiting")
            if interrupt and not getattr(self, "told", False) and self.reactor.seconds() > 2:
                self.told = True
                step.interrupt(interrupt)
            # the database and eventual-send live on the real reactor
            pause = defer.Deferred()
            from twisted.internet import reactor

            reactor.callLater(0, pause.callback, None)
            yield pause
        seen = self.seen
        result = finished[0] if finished else "never"
        if isinstance(result, Failure):
            seen.finished = [result.getErrorMessage(), None]
        errors = [f for f in self.flushLoggedErrors()]
        properties = self.build.getProperties()
        before = set(self.case.get("properties", {}))
        logs = []
        for log in seen.logs.values():
            log = dict(log)
            if log["name"].endswith("err.text"):
                lines = [line for line in log["text"].split("\n") if line.strip()]
                log["text"] = lines[-1] if lines else ""
                if "FirstError" in log["text"] or log["text"] == "]]":
                    # what Twisted's FirstError hides is what the user looks for
                    name, message = re.findall(r"<class '([\w.]+)'>: (.*)", "\n".join(lines).split("Traceback: ")[-1])[-1]
                    log["text"] = f"{name if '.' in name else 'builtins.' + name}: {message}"
            log["text"] = log["text"].replace(self.master.basedir, "<basedir>")
            if log["name"] == "cancelled":
                log["text"] = re.sub(r"\[Failure instance: .*: (.*)\.\n\]\n", r"\1\n", log["text"])
            if log["name"].endswith("err.html"):
                log["text"] = ""
            if not log.pop("finished"):
                log["open"] = True
            logs.append(log)
        build_summary = yield step.getBuildResultSummary()
        self.outcome = {
            "results": seen.finished[0] if seen.finished else None,
            "hidden": seen.finished[1] if seen.finished else None,
            "summary": seen.states[-1] if seen.states else None,
            "build_summary": build_summary.get("build"),
            "running": seen.running,
            "commands": seen.commands,
            "left": len(self.answers),
            "logs": logs,
            "urls": seen.urls,
            "properties": sorted(
                [name, plain(value), source]
                for name, value, source in properties.asList()
                if source != "test"
            ),
            "statistics": plain(step.statistics),
            "build_data": sorted(
                [name, value.decode("utf-8"), source] for name, (value, source) in self._got_build_data.items()
            ),
            "test_sets": plain(self._got_test_result_sets),
            "test_results": plain(self._got_test_results),
            "triggered": seen.triggered,
            "files": self.files(),
        }
        if os.environ.get("ORACLE_ERRORS"):
            for f in errors:
                sys.stderr.write(f"{self.case['name']}: {f.getTraceback()}\n")

    def files(self):
        """What is in the directory of the master after the step, apart from what was there."""
        found = {}
        for directory, _, names in os.walk("."):
            for name in names:
                path = os.path.relpath(os.path.join(directory, name))
                # one that the reference forgets when it refuses to begin
                if path in self.case.get("files", {}) or name.startswith("buildbot-transfer-"):
                    continue
                with open(path, encoding="latin-1") as file:
                    found[path] = file.read()
                found[path] = [oct(os.stat(path).st_mode & 0o777), found[path]]
        return found

    # ------------------------------------------------------------ the worker

    @defer.inlineCallbacks
    def _connection_remote_start_command(self, command, conn, builder_name):
        if self.seen.running is None:
            summary = yield self.step_now.getCurrentSummary()
            self.seen.running = summary.get("step")
        args = {name: value for name, value in command.args.items() if name not in ("reader", "writer")}
        for name, value in args.items():
            if isinstance(value, str):
                args[name] = value.replace(self.master.basedir, "<basedir>")
        shown = {"command": command.remote_command, "args": plain(args)}
        self.seen.commands.append(shown)
        if not self.answers:
            raise RuntimeError("the script has no answer for this command")
        script = self.answers.pop(0)
        for action in script:
            for key, value in action.items():
                if (yield self.act(command, shown, key, value)):
                    return
        command.remote_complete()

    @defer.inlineCallbacks
    def act(self, command, shown, key, value):
        if key in LOG_STREAMS:
            command.remote_update([({key: value}, 0)])
        elif key == "log":
            command.remote_update([({"log": tuple(value)}, 0)])
        elif key in ("rc", "elapsed", "failure_reason", "files"):
            command.remote_update([({key: value}, 0)])
        elif key == "stat":
            command.remote_update([({"stat": tuple(value)}, 0)])
        elif key == "error":
            command.remote_complete(Failure(remotecommand.RemoteException(value)))
            return True
        elif key == "lost":
            command.remote_complete(Failure(error.ConnectionLost(value)))
            return True
        elif key == "interrupt":
            yield self.step_now.interrupt(value)
        elif key == "lose":
            yield self.step_now.interrupt(Failure(error.ConnectionLost(value)))
        elif key == "write":
            command.args["writer"].remote_write(value.encode())
        elif key == "close":
            command.args["writer"].remote_close()
        elif key == "utime":
            command.args["writer"].remote_utime(tuple(value))
        elif key == "tar":
            data = archive(value, command.args.get("compress"))
            command.args["writer"].remote_write(data)
            command.args["writer"].remote_unpack()
        elif key == "read":
            reader = command.args["reader"]
            data = b""
            while True:
                piece = reader.remote_read(command.args["blocksize"])
                if not piece:
                    break
                data += piece
            reader.remote_close()
            shown["read"] = data.decode("latin-1")
        else:
            raise RuntimeError(f"no such action: {key}")
        return False

    # ------------------------------------------------------------ the master's own programs

    def _patched_create_process(self, reactor, command, workdir=None, env=None, collect_stdout=True, collect_stderr=True, **other):
        self.seen.commands.append({
            "master": plain(command),
            "workdir": workdir,
            "env": {} if env is os.environ else plain(env),
            "use_pty": bool(other["use_pty"]),
            "runtime_timeout": float(other["runtime_timeout"]),
        })
        script = {key: value for action in self.answers.pop(0) for key, value in action.items()}
        process = Process(self, script)
        process.collect = (collect_stdout, collect_stderr)
        return process


class Process:
    def __init__(self, test, script):
        self.test = test
        self.script = script
        self.result_signal = script.get("signal")
        self.result_rc = script.get("rc", 0) if "signal" not in script else None

    @defer.inlineCallbacks
    def start(self):
        stdout, stderr = self.collect
        summary = yield self.test.step_now.getCurrentSummary()
        self.test.seen.running = summary.get("step")
        if "stdout" in self.script:
            yield stdout(self.script["stdout"].encode())
        if "stderr" in self.script:
            yield stderr(self.script["stderr"].encode())
        if "interrupt" in self.script:
            yield self.test.step_now.interrupt(self.script["interrupt"])
        return self.result_rc if self.result_signal is None else -1

    def send_signal(self, signal):
        self.test.seen.commands.append({"signal": signal})


def archive(members, compress):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:" + (compress or "")) as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return data.getvalue()


NAMES: dict = {}
exec("from buildbot.process.results import *\nfrom buildbot.steps.download_secret_to_worker import *", NAMES)
NAMES.update(steps=buildbot.plugins.steps, util=buildbot.plugins.util, re=re)


def eval_(text):
    return eval(text, NAMES)


def run(case, here):
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for name, text in case.get("files", {}).items():
            os.makedirs(os.path.dirname(os.path.abspath(name)), exist_ok=True)
            with open(name, "w") as file:
                file.write(text)
        test = Case("runTest")
        test.case = case
        from twisted.trial.reporter import TestResult

        result = TestResult()
        test.run(result)
        os.chdir(here)
        if test.outcome is None or os.environ.get("ORACLE_ERRORS"):
            for _, failure in result.errors + result.failures:
                sys.stderr.write(f"{case['name']}: {failure}\n")
        return test.outcome


def main(path):
    with open(path) as file:
        cases = json.load(file)
    here = os.getcwd()
    outcomes = [run(case, here) for case in cases]
    # not the standard output of trial
    sys.stdout.write("OUTCOMES:" + json.dumps(outcomes) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
