"""Steps of users' classes while they run: the other end of `runtime`.

The master gives each such step a number, its *session*. It calls the methods of `Session`; each
phase of the step's life is only begun by such a call, and its end is told by a question of ours, so
that nothing that a step awaits is under a deadline. What the step needs of the master are
questions ``step`` with the number of the session (docs/formats/config-host.md).
"""

from __future__ import annotations

from buildbot._host import master_link, running_build
from buildbot._host.deferreds import defer_module, deferred, is_pending
from buildbot._host.step_descriptions import DynamicSteps

_sessions: dict = {}


def session_of(values, number):
    """The session with this number; the first use makes it."""
    session = _sessions.get(number)
    if session is None:
        session = _sessions[number] = Session(values, number)
    return session


class Session:
    """One step of one build."""

    def __init__(self, values, number):
        self._values = values
        self._number = number
        self._steps = None
        self._commands = {}
        self._last_command = 0
        self._natives = 0
        self.step = None
        self.build = None

    # What the master calls.

    def begin(self, template, build, facts):
        """Makes the step of a template, for a build."""
        from buildbot.process.buildstep import create_step_from_step_or_factory

        self.build = running_build.of(self._values, build, facts)
        self.build._session = self
        self._steps = DynamicSteps(self._values, self.build._handles)
        step = self.step = create_step_from_step_or_factory(template)
        step._session = self
        step.setBuild(self.build)
        worker = getattr(self.build.workerforbuilder, "worker", None)
        step.setWorker(worker)
        step.remote = getattr(worker, "conn", None)
        step.name = facts["name"]
        step.stepid = facts["stepid"]
        step.number = facts["number"]
        if step not in self.build.executedSteps:
            self.build.executedSteps.append(step)

    def start(self, phase, *args):
        """Begins a phase; its end is told by the question ``done``."""
        outcome = deferred(getattr(self, "_phase_" + phase)(*args))
        outcome.addCallbacks(self._done, self._broke)

    def interrupt(self, reason, lost):
        """The step is to end."""
        if lost:
            reason = _failure_of_lost(reason)
        deferred(_awaiting(self.step.interrupt, reason)).addErrback(_print_failure)

    def updates(self, number, updates):
        """Output and other updates of a command whose code wants to see them."""
        return deferred(self._take_updates(self._commands[number], updates))

    def activate(self, number, name):
        """Makes a log of a command that is made when it is needed; its number."""
        return deferred(self._activate(self._commands[number], name))

    def close(self):
        """Nothing more comes of it."""
        _sessions.pop(self._number, None)
        if self.build is not None and self.build._session is self:
            self.build._session = None

    # Phases.

    def _phase_prepare(self, properties):
        step = self.step
        self.build.currentStep = step
        self.build.properties.refresh(properties)
        try:
            yield step._render_renderables()
            wanted = step.doStepIf
            if not isinstance(wanted, bool):
                wanted = yield wanted(step)
            locks = step.locks
            if hasattr(locks, "getRenderingFor"):
                locks = yield step.render(locks)
        except Exception as error:
            return {"end": (yield from self._results_of(error))}
        described, objects = self._steps.described(locks or [])
        return {
            "end": None if wanted else _SKIPPED,
            "locks": described,
            "objects": objects,
            "flags": {name: bool(getattr(step, name)) for name in _FLAGS},
            "summary": (yield from self._current_summary()),
        }

    def _phase_run(self, properties):
        from buildbot.process.results import CANCELLED, EXCEPTION, RETRY

        step = self.step
        self.build.properties.refresh(properties)
        step._running = True
        try:
            yield step.addTestResultSets()
            results = yield step.run()
        except Exception as error:
            results = yield from self._results_of(error)
        finally:
            step._running = False
        if not isinstance(results, int):
            return {"no_result": repr(results)}
        results = int(results)
        if step.stopped and results not in (RETRY, CANCELLED):
            results = EXCEPTION
        return {"results": results}

    def _phase_end(self, results, properties):
        from buildbot.process.results import EXCEPTION

        step = self.step
        self.build.properties.refresh(properties)
        hidden = step.hideStepIf
        step.results = results
        if not isinstance(hidden, bool):
            try:
                hidden = yield hidden(results, step)
            except Exception as error:
                yield from self._results_of(error)
                results, hidden = EXCEPTION, False
        step.results = results
        failed = False
        for log in list(step._all_logs):
            if not log._finishing:
                try:
                    yield log.finish()
                except Exception as error:
                    _print_error(error)
                    failed = True
            failed = failed or log.had_errors()
        if failed:
            results = step.results = EXCEPTION
        summary = {}
        try:
            summary = _checked((yield step.getBuildResultSummary()))
        except Exception as error:
            _print_error(error)
        statistics, _objects = self._steps.described(
            [[name, value] for name, value in step.statistics.items()]
        )
        return {
            "results": results,
            "hidden": bool(hidden),
            "summary": summary.get("step", "finished" if not summary else ""),
            "build_summary": summary.get("build"),
            "statistics": statistics,
        }

    def _results_of(self, error):
        """Generator: what an exception means; its logs are made."""
        from twisted.internet import error as twisted_error

        from buildbot.process.buildstep import BuildStepCancelled, BuildStepFailed
        from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, RETRY

        if isinstance(error, BuildStepCancelled):
            return CANCELLED
        if isinstance(error, BuildStepFailed):
            return FAILURE
        if isinstance(error, twisted_error.ConnectionLost):
            return RETRY
        try:
            yield self.step.addLogWithException(error)
        except twisted_error.ConnectionLost:
            return RETRY
        except Exception as problem:
            _print_error(problem)
        return EXCEPTION

    def _current_summary(self):
        try:
            summary = yield self.step.getCurrentSummary()
            return _checked(summary).get("step")
        except Exception as error:
            _print_error(error)
            return None

    def _done(self, outcome):
        self._question("done", {"outcome": outcome}).addErrback(_ignore)

    def _broke(self, failure):
        """A phase that could not even say how it ended."""
        error = failure.value
        self._question(
            "done",
            {
                "broke": {
                    "type": f"{type(error).__module__}.{type(error).__qualname__}",
                    "message": str(error),
                    "traceback": failure.getTraceback(),
                }
            },
        ).addErrback(_ignore)

    # What the step asks, and tells.

    def ask(self, subject, what, args):
        asked = getattr(self, "_ask_" + what, None)
        if asked is not None:
            return asked(subject, args)
        if "of" in args and "given" in args:
            return deferred(self._carried_out(subject, what, args))
        return self._question(what, args)

    def tell(self, subject, what, args):
        told = getattr(self, "_tell_" + what, None)
        if told is not None:
            told(subject, args)
        else:
            self._question(what, args).addErrback(_print_failure)

    def set_property(self, name, value, source):
        described, _objects = self._steps.described(value)
        asked = self._question("setProperty", {"name": name, "value": described, "source": source})
        asked.addErrback(_print_failure)

    def hide(self, secret, shown):
        """Logs do not show a secret from now on."""
        self._question("hide", {"secret": secret, "shown": shown}).addErrback(_print_failure)

    def _ask_getUrl(self, _build, _args):
        return defer_module().succeed(self.build.url)

    def _ask_getBuildId(self, _build, _args):
        return defer_module().succeed(self.build.buildid)

    def _ask_addRawLines(self, log, args):
        """Lines with the letters of their streams in front, as `Log.addRawLines` takes them."""
        lines = args["lines"]
        if log.type != "s":
            return self._append(log, "o", lines)
        answer = None
        for stream, text in _by_stream(lines):
            answer = self._append(log, stream, text)
        return answer or defer_module().succeed(None)

    def _append(self, log, stream, text):
        return self._question("append", {"log": log.logid, "stream": stream, "text": text})

    def _ask_appendLines(self, log, args):
        return self._append(log, args["stream"] or "o", args["text"])

    def _ask_setBuildData(self, _step, args):
        value = args["value"]
        if not isinstance(value, bytes):
            raise TypeError("the value of build data must be bytes")
        described, _objects = self._steps.described(value)
        return self._question("setBuildData", {**args, "value": described})

    def _ask_interrupt(self, step, args):
        return deferred(self._interrupted(step, args["reason"]))

    def _interrupted(self, step, reason):
        """Generator: what a step does on its own when it is to end."""
        lost = _is_lost(reason)
        if self._natives:
            # What the master carries out sees to that itself.
            yield self._question("interruptNative", {"reason": _text_of(reason), "lost": lost})
            return
        if step.stopped and not lost:
            return
        if not step.stopped:
            step.stopped = True
            name = "cancelled while waiting for locks" if step._waitingForLocks else "cancelled"
            yield step.addCompleteLog(name, _text_of(reason))
        if step.cmd is not None:
            yield step.cmd.interrupt(reason)

    def _ask_runCommand(self, command, args):
        return deferred(self._run_command(command, args))

    def _run_command(self, command, args):
        self._last_command += 1
        number = self._last_command
        self._commands[number] = command
        given = dict(args["args"])
        transfer = _transfer(given)
        described, _objects = self._steps.described(given)
        logs = dict(args["logs"])
        stdio = logs.pop(args["stdio"], None)
        forward = command._wants_updates()
        question = {
            "number": number,
            "command": args["command"],
            "args": described["v"],
            "stdio": stdio,
            "log_files": list(logs.items()),
            "collect": list(args["collect"]),
            "forward": forward,
            "transfer": transfer,
        }
        try:
            end = yield self._question("runCommand", question)
            if not forward:
                command.stdout += end["stdout"]
                command.stderr += end["stderr"]
            for key, value in end["updates"]:
                yield command.remoteUpdate(key, value, False)
            if end["failure_reason"] is not None:
                yield command.remoteUpdate("failure_reason", end["failure_reason"], False)
            if end["rc"] is not None:
                yield command.remoteUpdate("rc", end["rc"], False)
            _received(args["args"], end["received"])
        except Exception as error:
            from twisted.python.failure import Failure

            result = yield command.remoteComplete(Failure(error))
            if result is not None:
                raise getattr(result, "value", error)
            return None
        finally:
            del self._commands[number]
        result = yield command.remoteComplete(None)
        if hasattr(result, "getTraceback"):
            raise result.value
        return None

    def _take_updates(self, command, updates):
        for key, value in updates:
            if command.active and not command.ignore_updates:
                yield command.remoteUpdate(key, value, False)

    def _ask_interruptCommand(self, _command, args):
        if args["lost"]:
            # It ends by itself.
            return defer_module().succeed(None)
        return self._question("interruptCommands", {"reason": args["why"]})

    def _tell_addSteps(self, _build, args):
        described, objects = self._steps.described(list(args["steps"]))
        self._tell("addSteps", {"steps": described, "objects": objects, "after": args["after"]})

    def _tell_updateSummary(self, step, _args):
        if not step._running:
            return

        def tell(text):
            if text is not None:
                self._tell("updateSummary", {"text": text})

        deferred(self._current_summary()).addCallback(tell).addErrback(_print_failure)

    def _tell_observerFailed(self, _log, args):
        import sys

        sys.stderr.write(args["traceback"])

    def _tell_addTestResult(self, _step, args):
        self._tell("addTestResult", {**args, "value": str(args["value"])})

    def _tell(self, what, args):
        self._question(what, args).addErrback(_print_failure)

    def _carried_out(self, step, what, args):
        """Generator: the master carries out a method of a built-in step."""
        described, objects = self._steps.of_native(step)
        given, more = self._steps.described(args["given"])
        question = {
            "method": args["of"],
            "step": described,
            "objects": objects + more,
            "given": given["v"],
        }
        hook = what == "run_vc" and _own_source_property(step)
        if what == "run_vc":
            _refuse_overridden_natives(step)
            question["hands_over_source_properties"] = hook
        self._natives += 1
        try:
            end = yield self._question("native", question)
        finally:
            self._natives -= 1
        self.build.properties.refresh(end["properties"])
        for name, value in end["source_properties"] if hook else ():
            yield step.updateSourceProperty(name, value)
        for name, key, kind in end["logs"]:
            step._newLog(name, kind, key)
        for name in ("description", "descriptionDone", "descriptionSuffix", "command"):
            if end.get(name) is not None and hasattr(step, name):
                setattr(step, name, end[name])
        step.statistics.update(end["statistics"])
        step._said = end["summary"]
        step.timed_out = step.timed_out or end["timed_out"]
        step.max_lines_reached = step.max_lines_reached or end["max_lines"]
        step.stopped = step.stopped or end["stopped"]
        note = getattr(step, "_carried_out", None)
        if note is not None:
            note(end)
        if end["raised"] is not None:
            raise _exception(*end["raised"])
        return end["results"]

    def _question(self, what, args):
        question = {"ask": "step", "session": self._number, "what": what, "args": args}
        return master_link.later(question, f"{what} of a step").addCallback(_answered)


_FLAGS = (
    "haltOnFailure",
    "flunkOnFailure",
    "flunkOnWarnings",
    "warnOnFailure",
    "warnOnWarnings",
    "alwaysRun",
)
_SKIPPED = 3


def _own_source_property(step):
    """Whether a user's class sets the properties about sources."""
    from buildbot.steps.source.base import Source

    return type(step).updateSourceProperty is not Source.updateSourceProperty


def _refuse_overridden_natives(step):
    """What the master calls of a step while it fetches sources is its own."""
    for cls in type(step).__mro__:
        if (cls.__module__ + ".").startswith("buildbot."):
            continue
        for name in vars(cls):
            if name in ("run", "run_vc") or not _is_native(type(step), name):
                continue
            raise NotImplementedError(
                f"{cls.__qualname__}.{name} is not called: the master carries out run_vc by itself"
            )


def _is_native(kind, name):
    """Whether the class of ours that is extended has the master carry `name` out."""
    return any(
        getattr(vars(cls).get(name), "_is_native", False)
        for cls in kind.__mro__
        if (cls.__module__ + ".").startswith("buildbot.")
    )


def _answered(answer):
    """An answer is ``["ok", value]`` or ``["raise", class, message, traceback]``."""
    if answer is None:
        return None
    if answer[0] == "raise":
        raise _exception(*answer[1:])
    return answer[1]


def _exception(name, message, traceback=None):
    """The exception with this name, so that code can catch it."""
    if name == "twisted.internet.error.ConnectionLost":
        from twisted.internet.error import ConnectionLost

        return ConnectionLost(message)
    known = master_link.named(name, message)
    if not isinstance(known, master_link.MasterError):
        return known
    from buildbot.process.remotecommand import RemoteException

    error = RemoteException(message)
    error.remote_class = name
    error.remote_traceback = traceback
    return error


def _awaiting(function, *args):
    value = function(*args)
    if is_pending(value):
        value = yield value
    return value


def _checked(summary):
    """A summary; its texts must be texts."""
    for text in summary.values():
        assert text is None or isinstance(text, str), f"summary text {text!r} is not a string"
    return summary


def _is_lost(reason):
    error = getattr(reason, "value", None)
    if error is None:
        return False
    from twisted.internet.error import ConnectionLost

    return isinstance(error, ConnectionLost)


def _failure_of_lost(reason):
    from twisted.internet.error import ConnectionLost
    from twisted.python.failure import Failure

    return Failure(ConnectionLost(reason))


def _text_of(reason):
    return reason if isinstance(reason, str) else str(reason)


def _by_stream(lines):
    """(stream, text) of lines with the letters of their streams in front."""
    stream, texts = None, []
    for line in lines.removesuffix("\n").split("\n"):
        letter = line[:1]
        if letter != stream and texts:
            yield stream, "".join(texts)
            texts = []
        stream = letter
        texts.append(line[1:] + "\n")
    if texts:
        yield stream or "o", "".join(texts)


def _transfer(args):
    """What the master does for the file at its end, which is taken out of `args`."""
    from buildbot.process import remotetransfer

    reader = args.pop("reader", None)
    writer = args.pop("writer", None)
    if reader is not None:
        file = getattr(reader, "fp", None)
        if file is None or not hasattr(file, "read"):
            raise TypeError(f"{reader!r} cannot be read by the master")
        data = file.read()
        reader.remote_close()
        if isinstance(data, str):
            data = data.encode()
        return {"kind": "read", "data": _base64(data)}
    if writer is None:
        return None
    if isinstance(writer, remotetransfer.DirectoryWriter):
        return {
            "kind": "directory",
            "path": writer.destroot,
            "compress": writer.compress,
            "max": writer.remaining,
        }
    if isinstance(writer, remotetransfer.FileWriter):
        return {
            "kind": "file",
            "path": writer.destfile,
            "mode": writer.mode,
            "max": writer.remaining,
        }
    return {"kind": "memory", "max": args.get("maxsize")}


def _received(args, data):
    """Gives what the worker sent to the object of the step's that waits for it."""
    writer = args.get("writer")
    if writer is None or not data:
        return
    writer.remote_write(data)
    writer.remote_close()


def _base64(data):
    import binascii

    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _ignore(_failure):
    return None


def _print_failure(failure):
    import sys

    sys.stderr.write(failure.getTraceback())


def _print_error(error):
    import sys
    import traceback

    sys.stderr.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
