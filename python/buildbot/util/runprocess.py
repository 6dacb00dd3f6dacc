"""Runs commands beside the master, with time limits."""

from __future__ import annotations

import os

from buildbot._host.deferreds import defer_module
from buildbot.util import unicode2bytes


def __getattr__(name):
    if name != "RunProcessPP":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from twisted.internet import protocol

    class RunProcessPP(protocol.ProcessProtocol):
        """Hands what a process does to its `RunProcess`."""

        def __init__(self, run_process, initial_stdin=None):
            self.run_process = run_process
            self.initial_stdin = initial_stdin

        def connectionMade(self):
            if self.initial_stdin:
                self.transport.write(self.initial_stdin)
            self.transport.closeStdin()

        def outReceived(self, data):
            self.run_process.add_stdout(data)

        def errReceived(self, data):
            self.run_process.add_stderr(data)

        def processEnded(self, reason):
            self.run_process.process_ended(reason.value.signal, reason.value.exitCode)

    RunProcessPP.__module__, RunProcessPP.__qualname__ = __name__, name
    globals()[name] = RunProcessPP
    return RunProcessPP


def _log(text):
    from twisted.python import log

    log.msg(text)


class RunProcess:
    """One run of a command; `start` gives a Deferred with exit code and outputs."""

    TIMEOUT_KILL = 5
    interrupt_signal = "KILL"

    def __init__(
        self,
        reactor,
        command,
        workdir=None,
        env=None,
        collect_stdout=True,
        collect_stderr=True,
        stderr_is_error=False,
        io_timeout=300,
        runtime_timeout=3600,
        sigterm_timeout=5,
        initial_stdin=None,
        use_pty=False,
    ):
        self._reactor = reactor
        self.command = command
        self.workdir = workdir
        self.process = None
        self.environ = self.resolve_environment(env)
        self.initial_stdin = initial_stdin
        self.output_stdout = self.consumer_stdout = None
        self.output_stderr = self.consumer_stderr = None
        if collect_stdout is True:
            self.output_stdout = b""
        elif callable(collect_stdout):
            self.consumer_stdout = collect_stdout
        if collect_stderr is True:
            self.output_stderr = b""
        elif callable(collect_stderr):
            self.consumer_stderr = collect_stderr
        self.stderr_is_error = stderr_is_error
        self.io_timeout = io_timeout
        self.io_timer = None
        self.sigterm_timeout = sigterm_timeout
        self.sigterm_timer = None
        self.runtime_timeout = runtime_timeout
        self.runtime_timer = None
        self.killed = False
        self.kill_timer = None
        self.use_pty = use_pty
        self.result_signal = None
        self.result_rc = None

    def __repr__(self):
        return f"<{self.__class__.__name__} '{self.command}'>"

    def get_os_env(self):
        return os.environ

    def resolve_environment(self, env):
        """The environment of this process with the changes; None removes a variable."""
        environ = dict(self.get_os_env())
        for name, value in (env or {}).items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value
        return environ

    def start(self):
        self.deferred = defer_module().Deferred()
        try:
            self._start_command()
        except Exception as problem:
            self.deferred.errback(problem)
        return self.deferred

    def _start_command(self):
        make = globals().get("RunProcessPP") or __getattr__("RunProcessPP")
        self.pp = make(self, initial_stdin=self.initial_stdin)
        # As given: what an error shows of a program that cannot be started is its text.
        argv = list(self.command)
        workdir = os.path.abspath(self.workdir) if self.workdir is not None else None
        if workdir is not None and self.environ.get("MACHTYPE") != "i686-pc-msys":
            self.environ["PWD"] = workdir
        self._restart_io_timer()
        if self.runtime_timeout:
            self.runtime_timer = self._reactor.callLater(
                self.runtime_timeout, self.runtime_timed_out
            )
        environ = {unicode2bytes(k): os.fsencode(v) for k, v in self.environ.items()}
        try:
            self.process = self._reactor.spawnProcess(
                self.pp, argv[0], argv, environ, workdir, usePTY=self.use_pty
            )
        except BaseException:
            self._cancel_timers()
            raise

    # What the process does

    def _restart_io_timer(self):
        if self.io_timer is not None:
            self.io_timer.reset(self.io_timeout)
        elif self.io_timeout:
            self.io_timer = self._reactor.callLater(self.io_timeout, self.io_timed_out)

    def add_stdout(self, data):
        if self.output_stdout is not None:
            self.output_stdout += data
        if self.consumer_stdout is not None:
            self.consumer_stdout(data)
        self._restart_io_timer()

    def add_stderr(self, data):
        if self.output_stderr is not None:
            self.output_stderr += data
        if self.consumer_stderr is not None:
            self.consumer_stderr(data)
        if self.stderr_is_error:
            self.kill("command produced stderr which is interpreted as error")
        self._restart_io_timer()

    def _build_result(self, rc):
        collected = [out for out in (self.output_stdout, self.output_stderr) if out is not None]
        return (rc, *collected) if collected else rc

    def process_ended(self, sig, rc):
        self.result_signal = sig
        self.result_rc = rc
        if self.killed and rc == 0:
            _log("process was killed, but exited with status 0; faking a failure")
            rc = -1
        if sig is not None or rc is None:
            rc = -1
        self._cancel_timers()
        waiting, self.deferred = self.deferred, None
        if waiting is not None:
            waiting.callback(self._build_result(rc))
        else:
            _log(f"{self}: command finished twice")

    def failed(self, why):
        self._cancel_timers()
        waiting, self.deferred = self.deferred, None
        if waiting is not None:
            waiting.errback(why)
        else:
            _log(f"{self}: command finished twice")

    # Ending it

    def io_timed_out(self):
        self.io_timer = None
        self.kill(f"{self}: command timed out: {self.io_timeout} seconds without output")

    def runtime_timed_out(self):
        self.runtime_timer = None
        self.kill(f"{self}: command timed out: {self.runtime_timeout} seconds elapsed")

    def is_dead(self):
        if self.process.pid is None:
            return True
        try:
            os.kill(self.process.pid, 0)
        except OSError:
            return True
        return False

    def check_process_was_killed(self):
        self.sigterm_timer = None
        if not self.is_dead() and not self.send_signal(self.interrupt_signal):
            _log(f"{self}: failed to kill process again")
        self.cleanup_killed_process()

    def cleanup_killed_process(self):
        if os.name == "posix":
            self.pp.transport.loseConnection()
        if self.deferred is not None:
            self.kill_timer = self._reactor.callLater(self.TIMEOUT_KILL, self.kill_timed_out)

    def send_signal(self, interrupt_signal):
        """Whether the signal was sent."""
        from twisted.internet import error

        _log(f"{self}: killing process using {interrupt_signal}")
        try:
            self.process.signalProcess(interrupt_signal)
        except OSError:
            return False
        except error.ProcessExitedAlready:
            _log(f"{self}: process exited already - can't kill")
        return True

    def kill(self, msg):
        """Asks the process to end, and ends it if that does not help."""
        self._cancel_timers()
        _log(f"{self}: killing process because {msg}")
        self.killed = True
        if self.sigterm_timeout is not None:
            self.send_signal("TERM")
            self.sigterm_timer = self._reactor.callLater(
                self.sigterm_timeout, self.check_process_was_killed
            )
            return
        if not self.send_signal(self.interrupt_signal):
            _log(f"{self}: failed to kill process")
        self.cleanup_killed_process()

    def kill_timed_out(self):
        self.kill_timer = None
        signal = self.interrupt_signal
        _log(f"{self}: attempted to kill process, but it wouldn't die")
        self.failed(RuntimeError(f"SIG{signal} failed to kill process"))

    def _cancel_timers(self):
        for name in ("io_timer", "kill_timer", "runtime_timer", "sigterm_timer"):
            timer = getattr(self, name)
            setattr(self, name, None)
            if timer is not None and timer.active():
                timer.cancel()


def create_process(*args, **kwargs):
    return RunProcess(*args, **kwargs)


def run_process(*args, **kwargs):
    """A Deferred with (exit code, standard output, standard error) of a command."""
    return create_process(*args, **kwargs).start()
