"""Commands that a step runs on its worker."""

from __future__ import annotations

from collections import defaultdict

from buildbot._host import runtime
from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere
from buildbot.process.results import CANCELLED, FAILURE, SUCCESS

__all__ = [
    "CANCELLED",
    "FAILURE",
    "LoggedRemoteCommand",
    "RemoteCommand",
    "RemoteException",
    "RemoteShellCommand",
    "SUCCESS",
    "defaultdict",
]

__getattr__ = elsewhere(
    __name__,
    "Failure LineBoundaryFinder async_to_deferred base decode defer error eventually log "
    "metrics util",
)


class RemoteException(Exception):
    """The worker reports that a command could not be run."""


class RemoteCommand:
    """A command by its name and arguments, and what came back from the worker.

    The master runs it and writes its output into the logs that `useLog` named; while it does so
    it calls `remote_update` with what else arrives, and `remote_complete` at the end.
    """

    _commandCounter = 0
    _session = None
    active = False
    rc = None
    debug = False

    def __init__(
        self,
        remote_command,
        args,
        ignore_updates=False,
        collectStdout=False,
        collectStderr=False,
        decodeRC=None,
        stdioLogName="stdio",
    ):
        self.logs = {}
        self.delayedLogs = {}
        self._closeWhenFinished = {}
        self.collectStdout = collectStdout
        self.collectStderr = collectStderr
        self.stdout = ""
        self.stderr = ""
        self.updates = defaultdict(list)
        self.stdioLogName = stdioLogName
        self._startTime = None
        self._remoteElapsed = None
        self.remote_failure_reason = None
        self.remote_command = remote_command
        self.args = args
        self.ignore_updates = ignore_updates
        self.decodeRC = {0: SUCCESS} if decodeRC is None else decodeRC
        self.conn = None
        self.worker = None
        self.step = None
        self.builder_name = None
        self.commandID = None
        self.deferred = None
        self.interrupted = False

    def __repr__(self):
        return f"<RemoteCommand '{self.remote_command}' at {id(self)}>"

    @classmethod
    def generate_new_command_id(cls):
        number = cls._commandCounter
        cls._commandCounter += 1
        return f"{number}"

    @classmethod
    def get_last_generated_command_id(cls):
        return f"{cls._commandCounter - 1}"

    @runtime.inline
    def run(self, step, conn, builder_name):
        """Runs the command for `step`; gives this object back when it has ended.

        Without a step, as functions of the configuration run it, what the worker reports comes together
        at the end.
        """
        self.active = True
        self.step = step
        self.conn = conn
        self.builder_name = builder_name
        if step is not None:
            self.worker = step.worker
            self._session = runtime.session_of(step, "runCommand")
        self.commandID = RemoteCommand.generate_new_command_id()
        try:
            if step is not None:
                yield self._start()
            else:
                updates = yield conn._run_command(self.remote_command, self.args, builder_name)
                for key, value in updates:
                    if not self.ignore_updates:
                        yield self.remoteUpdate(key, value, False)
                yield self.remoteComplete(None)
            yield self._close_logs()
        finally:
            self.active = False
        return self

    def _start(self):
        """Asks for the command; answered when it has ended and all its updates have come."""
        return runtime.ask(
            self,
            "runCommand",
            command=self.remote_command,
            args=self.args,
            logs={name: log.logid for name, log in self.logs.items()},
            delayed_logs=list(self.delayedLogs),
            collect=(self.collectStdout, self.collectStderr),
            stdio=self.stdioLogName,
        )

    @runtime.inline
    def _close_logs(self):
        for name, close in self._closeWhenFinished.items():
            log = self.logs.get(name)
            if close and log is not None:
                yield log.finish()

    def _finished(self, failure=None):
        self.active = False

    def useLog(self, log_, closeWhenFinished=False, logfileName=None):
        """Writes what comes under `logfileName` (the log's own name) into `log_`."""
        name = logfileName or log_.getName()
        assert name not in self.logs
        assert name not in self.delayedLogs
        self.logs[name] = log_
        self._closeWhenFinished[name] = closeWhenFinished

    def useLogDelayed(self, logfileName, activateCallBack, closeWhenFinished=False):
        """As `useLog`; `activateCallBack` makes the log when the first text comes."""
        assert logfileName not in self.logs
        assert logfileName not in self.delayedLogs
        self.delayedLogs[logfileName] = (activateCallBack, closeWhenFinished)

    @runtime.inline
    def activateLog(self, logfileName):
        """Called by the master when text comes for a delayed log."""
        make, close = self.delayedLogs.pop(logfileName)
        log = yield make(self)
        self.logs[logfileName] = log
        self._closeWhenFinished[logfileName] = close
        return log

    def _wants_updates(self):
        """Whether code wants to see all that comes while the command runs."""
        kind = type(self)
        if kind not in _LISTENING:
            _LISTENING[kind] = any(
                getattr(kind, name) is not getattr(RemoteCommand, name) for name in _LISTENERS
            )
        return (
            _LISTENING[kind]
            or bool(self.delayedLogs)
            or any(log._callbacks for log in self.logs.values())
        )

    def interrupt(self, why):
        """Stops the command on the worker."""
        if not self.active or self.interrupted:
            return defer_module().succeed(None)
        self.interrupted = True
        lost = "ConnectionLost" in type(getattr(why, "value", None)).__name__
        return runtime.ask(self, "interruptCommand", why=str(why), lost=lost)

    # What comes while it runs

    def remote_update_msgpack(self, updates):
        """Takes (key, value) pairs of updates."""
        for key, value in updates:
            self._take(key, value)

    def remote_update(self, updates):
        """Takes updates as (dictionary, number) pairs; returns the highest number."""
        highest = 0
        for update, number in updates:
            for key, value in update.items():
                if isinstance(key, bytes):
                    key = key.decode()
                self._take(key, value)
            highest = max(highest, number)
        return highest

    def _take(self, key, value):
        if self.active and not self.ignore_updates:
            self.remoteUpdate(key, value, False)

    @runtime.inline
    def remoteUpdate(self, key, value, is_flushed):
        """Keeps one update; classes of users override it to see them all."""
        if key == "stdout":
            yield self.add_stdout_lines(value, is_flushed)
        elif key == "stderr":
            yield self.add_stderr_lines(value, is_flushed)
        elif key == "header":
            yield self.add_header_lines(value)
        elif key == "log":
            name, text = value
            yield self.addToLog(name, text)
        elif key == "rc":
            self.rc = value
        elif key == "failure_reason":
            self.remote_failure_reason = value
        else:
            self.updates[key].append(value)

    def remote_complete(self, failure=None):
        """Called when the worker says that the command has ended."""
        return self.remoteComplete(failure)

    def remoteComplete(self, maybeFailure):
        """Classes of users override it."""
        return maybeFailure

    def split_line(self, stream, text):
        return text

    @runtime.inline
    def add_stdout_lines(self, data, is_flushed):
        if self.collectStdout:
            self.stdout += data
        log = self.logs.get(self.stdioLogName)
        if log is not None:
            yield log.add_stdout_lines(data)

    @runtime.inline
    def add_stderr_lines(self, data, is_flushed):
        if self.collectStderr:
            self.stderr += data
        log = self.logs.get(self.stdioLogName)
        if log is not None:
            yield log.add_stderr_lines(data)

    @runtime.inline
    def add_header_lines(self, data):
        log = self.logs.get(self.stdioLogName)
        if log is not None:
            yield log.add_header_lines(data)

    @runtime.inline
    def addStdout(self, data):
        if self.collectStdout:
            self.stdout += data
        log = self.logs.get(self.stdioLogName)
        if log is not None:
            yield log.addStdout(data)

    @runtime.inline
    def addStderr(self, data):
        if self.collectStderr:
            self.stderr += data
        log = self.logs.get(self.stdioLogName)
        if log is not None:
            yield log.addStderr(data)

    @runtime.inline
    def addHeader(self, data):
        log = self.logs.get(self.stdioLogName)
        if log is not None:
            yield log.addHeader(data)

    @runtime.inline
    def addToLog(self, logname, data):
        if logname in self.delayedLogs:
            yield self.activateLog(logname)
        log = self.logs.get(logname)
        if log is not None:
            yield log.add_stdout_lines(data)

    # What came of it

    def results(self):
        """The result that the exit code stands for."""
        if self.interrupted:
            return CANCELLED
        return self.decodeRC.get(self.rc, FAILURE)

    def didFail(self):
        return self.results() == FAILURE


# Methods whose overriding makes a class listen to what comes while its command runs.
_LISTENERS = (
    "remote_update",
    "remote_update_msgpack",
    "remoteUpdate",
    "add_stdout_lines",
    "add_stderr_lines",
    "add_header_lines",
    "addStdout",
    "addStderr",
    "addHeader",
    "addToLog",
)
_LISTENING: dict = {}

LoggedRemoteCommand = RemoteCommand


class RemoteShellCommand(RemoteCommand):
    """A command of a shell.

    A word may be `("obfuscated", real, shown)`: the worker runs the one and shows the other.
    """

    def __init__(
        self,
        workdir,
        command,
        env=None,
        want_stdout=1,
        want_stderr=1,
        timeout=20 * 60,
        maxTime=None,
        max_lines=None,
        sigtermTime=None,
        logfiles=None,
        usePTY=None,
        logEnviron=True,
        collectStdout=False,
        collectStderr=False,
        interruptSignal=None,
        initialStdin=None,
        decodeRC=None,
        stdioLogName="stdio",
    ):
        self.command = command
        if isinstance(command, (str, bytes)):
            self.fake_command = command
        else:
            self.fake_command = [_shown(word) for word in command]
        args = {
            "workdir": workdir,
            # The caller may go on using its dictionary.
            "env": None if env is None else dict(env),
            "want_stdout": want_stdout,
            "want_stderr": want_stderr,
            "logfiles": {} if logfiles is None else logfiles,
            "timeout": timeout,
            "maxTime": maxTime,
            "max_lines": max_lines,
            "sigtermTime": sigtermTime,
            "usePTY": usePTY,
            "logEnviron": logEnviron,
            "initial_stdin": initialStdin,
        }
        if interruptSignal is not None:
            args["interruptSignal"] = interruptSignal
        super().__init__(
            "shell",
            args,
            collectStdout=collectStdout,
            collectStderr=collectStderr,
            decodeRC=decodeRC,
            stdioLogName=stdioLogName,
        )

    @runtime.inline
    def _start(self):
        self.args.setdefault("command", self.command)
        if self.args["usePTY"] is None:
            old = self.step.workerVersionIsOlderThan("shell", "3.0")
            self.args["usePTY"] = "slave-config" if old else False
        yield self._leave_out_what_is_too_new()
        answer = yield super()._start()
        return answer

    @runtime.inline
    def _leave_out_what_is_too_new(self):
        """Old workers do not know all arguments; a header says so where people would notice."""
        older = self.step.workerVersionIsOlderThan
        notes = []
        if self.args["usePTY"] != "slave-config" and older("shell", "2.7"):
            self.args["usePTY"] = "slave-config"
            notes.append("override usePTY")
        if self.args.get("interruptSignal") and older("shell", "2.15"):
            del self.args["interruptSignal"]
            notes.append("specify interruptSignal")
        if older("shell", "2.16"):
            self.args.pop("sigtermTime", None)
        for what in notes:
            yield self.addHeader(f"NOTE: worker does not allow master to {what}\n")

    def __repr__(self):
        return f"<RemoteShellCommand '{self.fake_command!r}'>"


def _shown(word):
    if isinstance(word, tuple) and word and word[0] == "obfuscated":
        return word[2]
    return word
