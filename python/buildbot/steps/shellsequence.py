"""A step of several commands."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.config.errors import ConfigErrors, UnknownNames
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep, results

__all__ = [
    "ShellArg",
    "ShellSequence",
    "buildstep",
    "results",
]

__getattr__ = elsewhere(__name__, "config defer log")


@provides("IRenderable")
class ShellArg(Described, results.ResultComputingConfigMixin):
    """One command of a `ShellSequence`, and what its result means."""

    _described_as_object = True

    publicAttributes = [*results.ResultComputingConfigMixin.resultConfig, "command", "logname"]

    @recorded
    def __init__(self, command=None, logname=None, **kwargs):
        if command is None:
            config_error("the 'command' parameter of ShellArg must not be None")
        self.command = command
        self.logname = logname
        for name, value in kwargs.items():
            if name not in self.resultConfig:
                from buildbot._host.hints import keywords_of

                message = f"the parameter '{name}' is not handled by ShellArg"
                known = {*keywords_of(type(self)), *self.resultConfig}
                config_error(UnknownNames(message, [name], known))
            setattr(self, name, value)

    def validateAttributes(self):
        """Checks the attributes, which must have been rendered."""
        command = self.command
        if not isinstance(command, (str, list)):
            config_error(f"{command} is an invalid command, it must be a string or a list")
        if isinstance(command, list) and not all(isinstance(word, str) for word in command):
            config_error(f"{command} must only have strings in it")
        flags = [(name, getattr(self, name)) for name in self.resultConfig]
        wrong = [(name, value) for name, value in flags if not isinstance(value, bool)]
        if wrong:
            config_error(f"{wrong!r} must be booleans")

    @runtime.inline
    def getRenderingFor(self, build):
        """A copy with rendered attributes."""
        rendered = object.__new__(type(self))
        rendered.__dict__.update(self.__dict__)
        for name in self.publicAttributes:
            value = yield build.render(getattr(self, name))
            setattr(rendered, name, value)
        return rendered


class ShellSequence(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs commands one after the other, until one says that it was enough."""

    last_command = None
    renderables = ["commands"]

    @recorded
    def __init__(self, commands=None, **kwargs):
        self.commands = commands
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)

    def shouldRunTheCommand(self, cmd):
        """Whether to run this command; classes of users override it."""
        return bool(cmd)

    def getFinalState(self):
        return self.getResultSummary()

    @runtime.inline
    def runShellSequence(self, commands):
        """Runs `commands`; each counts as its own switches say."""
        overall = results.SUCCESS
        if commands is None:
            return results.EXCEPTION
        for command in commands:
            if not isinstance(command, ShellArg):
                return results.EXCEPTION
            try:
                command.validateAttributes()
            except ConfigErrors:
                return results.EXCEPTION
            if not self.shouldRunTheCommand(command.command):
                continue
            self.command = command.command
            remote = yield self.makeRemoteShellCommand(
                command=command.command, stdioLogName=command.logname
            )
            yield self.runCommand(remote)
            overall, ends = results.computeResultAndTermination(command, remote.results(), overall)
            if ends:
                break
        return overall

    def run(self):
        return self.runShellSequence(self.commands)
