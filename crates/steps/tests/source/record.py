"""Runs source steps of the real Buildbot against a worker that follows a script, and writes down what they do.

    PYTHON record.py > recorded.json        the Python of an installed Buildbot 4.3.0

`cases.py` has the cases. The steps as our package describes them are made by a second Python process
(`--describe`) and stand beside what the real ones did.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest as python_unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.join(HERE, "..", "..", "..", "..", "python", "host.py")

# What a shell command has unless it says otherwise.
SHELL = {
    "env": {},
    "initial_stdin": None,
    "logEnviron": True,
    "logfiles": {},
    "maxTime": None,
    "max_lines": None,
    "sigtermTime": 1,
    "timeout": 1200,
    "usePTY": False,
    "want_stderr": 1,
    "want_stdout": 1,
    "workdir": "wkdir",
}


def described(cases):
    """The description of the steps of all cases, by our package."""
    lines = [
        "from buildbot.plugins import *",
        "from buildbot.process.properties import *",
        "from buildbot.steps.source.git import *",
        "from buildbot.util.git_credential import *",
        "c = BuildmasterConfig = {}",
        "c['workers'] = [worker.Worker('w', 'p')]",
        "c['protocols'] = {'pb': {'port': 1}}",
        "f = util.BuildFactory()",
        *(f"f.addStep({case['step']})" for case in cases),
        "c['builders'] = [util.BuilderConfig(name='b', workernames=['w'], factory=f)]",
    ]
    with tempfile.TemporaryDirectory() as basedir:
        path = os.path.join(basedir, "master.cfg")
        with open(path, "w") as file:
            file.write("\n".join(lines))
        done = subprocess.run(
            [sys.executable, PACKAGE, "--describe", path], capture_output=True, text=True
        )
    if done.returncode:
        sys.exit(done.stderr + done.stdout)
    description = json.loads(done.stdout)
    for made in description["objects"]:
        made.pop("at", None)
    return {key: description[key] for key in ("version", "config", "objects")}


def expression(text):
    from buildbot.plugins import steps, util
    from buildbot.process import properties
    from buildbot.steps.source import git
    from buildbot.util import git_credential

    names = {**vars(properties), **vars(git), **vars(git_credential), "steps": steps, "util": util}
    return eval(text, names)


def matches(answer, command, args):
    """Whether an answer is meant for this command: all its words stand in the command's."""
    return answer["on"] in shown(command, args)


def shown(command, args):
    """A command on one line, for scripts."""
    if command == "shell":
        words = args["command"]
        if isinstance(words, str):
            return f"shell {words}"
        return "shell " + " ".join(word if isinstance(word, str) else word[1] for word in words)
    for key in ("file", "dir", "path", "fromdir", "workerdest", "workersrc"):
        if key in args:
            value = args[key]
            return f"{command} " + (value if isinstance(value, str) else " ".join(value))
    return command


def main():
    sys.path.insert(0, HERE)
    from cases import CASES

    from twisted.internet import defer
    from twisted.trial import unittest

    from buildbot.process import properties
    from buildbot.test.fake import logfile
    from buildbot.test.reactor import TestReactorMixin
    from buildbot.test.steps import TestBuildStepMixin

    class Log(logfile.FakeLogFile):
        """A log that keeps the order of what it is told."""

        def __init__(self, name):
            super().__init__(name)
            self.parts = []

        def told(self, channel, text):
            text = text if isinstance(text, str) else text.decode()
            if self.parts and self.parts[-1][0] == channel:
                self.parts[-1][1] += text
            elif text:
                self.parts.append([channel, text])

        def addHeader(self, text):
            self.told("h", text)
            return super().addHeader(text)

        def addStdout(self, text):
            self.told("o", text)
            return super().addStdout(text)

        def addStderr(self, text):
            self.told("e", text)
            return super().addStderr(text)

        def add_header_lines(self, text):
            self.told("h", text)
            return super().add_header_lines(text)

        def add_stdout_lines(self, text):
            self.told("o", text)
            return super().add_stdout_lines(text)

        def add_stderr_lines(self, text):
            self.told("e", text)
            return super().add_stderr_lines(text)

    class Change:
        def __init__(self, **attributes):
            self.properties = properties.Properties()
            self.files = []
            vars(self).update(attributes)

    class SourceStamp:
        def __init__(self, given):
            self.branch = self.revision = self.patch = self.patch_info = None
            self.codebase = self.project = self.repository = ""
            vars(self).update(given)
            if self.patch is not None:
                self.patch = tuple(self.patch)
            self.changes = [Change(**change) for change in given.get("changes", [])]

        def asDict(self):
            return {
                name: getattr(self, name)
                for name in ("branch", "revision", "codebase", "project", "repository")
            }

    class Connection:
        is_fake_test_connection = True

        def __init__(self, run, case):
            self.run = run
            self.answers = [dict(answer) for answer in case.get("answers", [])]
            self.used = set()
            self.now = 0

        def remoteInterruptCommand(self, builder_name, command_id, why):
            return defer.succeed(None)

        @defer.inlineCallbacks
        def remoteStartCommand(self, command, builder_name, command_id, name, args):
            self.run.commands.append([name, self.said(name, args)])
            # The clock goes on by a second whenever nothing happens for a while.
            now = self.run.reactor.seconds()
            if now - self.now > 5:
                self.run.commands[-1].append({"after": now - self.now})
            self.now = now
            answer = {}
            for number, possible in enumerate(self.answers):
                if number in self.used or not matches(possible, name, args):
                    continue
                if not possible.get("always"):
                    self.used.add(number)
                answer = possible
                break
            if answer.get("interrupt"):
                yield self.run.get_nth_step(0).interrupt("stopped by a test")
            if "lost" in answer:
                from twisted.internet import error

                raise error.ConnectionLost("lost")
            if "reader" in args:
                text = b""
                while True:
                    block = args["reader"].remote_read(args["blocksize"])
                    if not block:
                        break
                    text += block if isinstance(block, bytes) else block.encode()
                args["reader"].remote_close()
                self.run.commands[-1][1]["reader"] = text.decode()
            if "writer" in args and "content" in answer:
                args["writer"].remote_write(answer["content"].encode())
                args["writer"].remote_close()
            for key in ("header", "stdout", "stderr", "files", "stat"):
                if key in answer:
                    yield command.remoteUpdate(key, answer[key], False)
            rc = answer.get("rc", 0)
            if rc is not None:
                yield command.remoteUpdate("rc", rc, False)
            command.remote_complete()

        def said(self, name, args):
            args = dict(args)
            for end in ("reader", "writer"):
                if end in args:
                    args[end] = end
            if name == "shell":
                for key, value in SHELL.items():
                    if key in args and args[key] == value and type(args[key]) is type(value):
                        del args[key]
                    elif key not in args:
                        args[key] = "absent"
                command = args["command"]
                if isinstance(command, list):
                    args["command"] = [list(w) if isinstance(w, tuple) else w for w in command]
            return args

    class Run(TestReactorMixin, TestBuildStepMixin, unittest.TestCase):
        case = None
        result = None

        @defer.inlineCallbacks
        def setUp(self):
            self.setup_test_reactor()
            yield self.setup_test_build_step(with_secrets=self.case.get("secrets"))
            self.commands = []
            for name, module in sys.modules.items():
                if name.startswith("buildbot.steps.source.") and hasattr(module, "reactor"):
                    self.patch(module, "reactor", self.reactor)

        @defer.inlineCallbacks
        def test(self):
            case = self.case
            self.setup_build(worker_version=case.get("versions", {"*": "3.3"}))
            step = self.setup_step(expression(case["step"]))
            if case.get("system") == "nt":
                self.change_worker_system("nt")
            build = self.build
            build.builder.config.workerbuilddir = case.get("builddir", "wkdir-of-builder")
            build.builder.config.builddir = "b"
            for name, value in case.get("properties", {}).items():
                build.properties.setProperty(name, value, "Test")
            sources = case.get("sources", [{}])
            build.sources = {given.get("codebase", ""): SourceStamp(given) for given in sources}
            logs = {}

            def add_log(name, type="s", logEncoding=None):
                if name in step.logs:
                    raise RuntimeError(name)
                step.logs[name] = logs[name] = Log(name)
                step._connectPendingLogObservers()
                return defer.succeed(step.logs[name])

            def add_complete(name, text):
                logs[name] = Log(name)
                logs[name].addStdout(text)
                return defer.succeed(None)

            step.addLog = add_log
            step.addCompleteLog = step.addHTMLLog = add_complete
            step.setupProgress()
            self.urls = []
            step.addURL = lambda *of: self.urls.append(of) or defer.succeed(None)
            before = {name: value for name, value in build.properties.properties.items()}
            running = step.startStep(Connection(self, case))
            done = []
            running.addBoth(done.append)
            for _ in range(5000):
                if done:
                    break
                self.reactor.advance(1)
                pause = defer.Deferred()
                from twisted.internet import reactor

                reactor.callLater(0, pause.callback, None)
                yield pause
            result = done[0]
            self.reactor.advance(1)
            stored = yield self.master.data.get(("steps", step.stepid))
            summary = yield step.getResultSummary()
            found = {}
            for name, log in logs.items():
                if name == "err.html":
                    continue
                parts = log.parts
                if name == "err.text":
                    last = "".join(part[1] for part in parts).strip().splitlines()
                    last = [line for line in last if re.match(r"\w+(\.\w+)+: ", line)]
                    parts = [["o", last[-1] if last else "?"]]
                found[name] = parts
            Run.result = {
                "commands": self.commands,
                "results": result if isinstance(result, int) else repr(result),
                "name": step.name,
                "text": stored["state_string"],
                "summary": summary,
                "logs": found,
                "urls": self.urls,
                "data": {
                    name: [json.loads(value), source]
                    for name, (value, source) in self._got_build_data.items()
                },
                "properties": {
                    name: [value, source]
                    for name, (value, source) in build.properties.properties.items()
                    if before.get(name) != (value, source)
                },
            }
            self.flushLoggedErrors()

    only = sys.argv[1:] if not sys.argv[1:2] == ["--describe"] else []
    cases = [case for case in CASES if not only or any(part in case["name"] for part in only)]
    recorded = []
    for case in cases:
        Run.case, Run.result = case, None
        outcome = python_unittest.TestResult()
        Run("test").run(outcome)
        if Run.result is None or outcome.failures:
            sys.exit(f"{case['name']}: " + "\n".join(str(e[1]) for e in outcome.errors + outcome.failures))
        recorded.append({"case": case, "expected": Run.result})
    if only:
        for one in recorded:
            print("##", one["case"]["name"])
            for command in one["expected"].pop("commands"):
                print("  ", shown(command[0], command[1]), "    ", {k: v for k, v in command[1].items() if k not in ("command",)}, *command[2:])
            print("  ", json.dumps(one["expected"]))
        return
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in recorded)
    description = json.dumps(described(cases), separators=(",", ":"))
    print('{"shell":%s,\n"description":%s,\n"cases":[\n%s]}' % (json.dumps(SHELL), description, lines))


if __name__ == "__main__":
    main()
