"""Base classes of build steps.

A step that a configuration makes is a template: it remembers its class and arguments, and is made
anew for every build that needs it in Python. Built-in steps are carried out by the master.
"""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.compare import ComparableMixin
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, caller, recorded
from buildbot._host.step_templates import (
    BuildStepWrapperMixin,
    _BuildStepFactory,
    note_assigned,
    step_class_of,
    template_class,
)
from buildbot.config import checks
from buildbot.config.errors import UnknownNames
from buildbot.config.errors import error as config_error
from buildbot.process import properties, results
from buildbot.process._running_step import (
    BuildStepCancelled,
    BuildStepFailed,
    CallableAttributeError,
    RunningStep,
)
from buildbot.process.properties import PropertiesMixin, WithProperties
from buildbot.process.properties import _is_renderable as is_renderable
from buildbot.process.results import (
    ALL_RESULTS,
    CANCELLED,
    EXCEPTION,
    FAILURE,
    RETRY,
    SKIPPED,
    SUCCESS,
    WARNINGS,
    ResultComputingConfigMixin,
    statusToString,
)

__all__ = [
    "ALL_RESULTS",
    "BuildStep",
    "BuildStepCancelled",
    "BuildStepFailed",
    "BuildStepStatus",
    "BuildStepWrapperMixin",
    "CANCELLED",
    "CallableAttributeError",
    "CommandMixin",
    "EXCEPTION",
    "FAILURE",
    "RETRY",
    "SKIPPED",
    "SUCCESS",
    "ShellMixin",
    "WARNINGS",
    "WithProperties",
    "create_step_from_step_or_factory",
    "get_factory_from_step_or_factory",
    "properties",
    "results",
    "statusToString",
]

__getattr__ = elsewhere(
    __name__,
    "Failure IRenderable TestResultSubmitter WorkerSetupError bytes2unicode "
    "check_param_bool check_param_length check_param_number_none check_param_str "
    "check_param_str_none config debounce defer deferwaiter error flatten "
    "get_real_locks_from_accesses implementer interfaces log model_config plog "
    "remotecommand util",
)

NAME_LENGTH_MAX = 50


class BuildStepStatus:
    """Nothing; a name that old code imports."""


def get_factory_from_step_or_factory(step_or_factory):
    """What makes the step: a configured step is a template with a factory of its own."""
    if hasattr(step_or_factory, "get_step_factory"):
        return step_or_factory.get_step_factory()
    if hasattr(step_or_factory, "buildStep"):
        return step_or_factory
    from buildbot.interfaces import IBuildStepFactory

    raise TypeError("Could not adapt", step_or_factory, IBuildStepFactory)


def create_step_from_step_or_factory(step_or_factory):
    """A new step for one build."""
    return get_factory_from_step_or_factory(step_or_factory).buildStep()


# Steps

# What every step starts with; lists and dictionaries are made for each.
_FRESH = {
    "worker": None,
    "stopped": False,
    "timed_out": False,
    "max_lines_reached": False,
    "master": None,
    "stepid": None,
    "results": None,
    "_running": False,
    "_start_unhandled_deferreds": None,
}


@provides("IBuildStep")
class BuildStep(
    Described, RunningStep, ResultComputingConfigMixin, PropertiesMixin, ComparableMixin
):
    """One step of a build. Classes of users override `run`."""

    alwaysRun = False
    doStepIf = True
    hideStepIf = False

    compare_attrs = ("_factory",)
    set_runtime_properties = True

    renderables = [
        *ResultComputingConfigMixin.resultConfig,
        "alwaysRun",
        "description",
        "descriptionDone",
        "descriptionSuffix",
        "doStepIf",
        "hideStepIf",
        "workdir",
    ]

    _params_config = [
        ("alwaysRun", checks.check_param_bool),
        ("description", None),
        ("descriptionDone", None),
        ("descriptionSuffix", None),
        ("doStepIf", None),
        ("flunkOnFailure", checks.check_param_bool),
        ("flunkOnWarnings", checks.check_param_bool),
        ("haltOnFailure", checks.check_param_bool),
        ("updateBuildSummaryPolicy", None),
        ("hideStepIf", None),
        ("locks", None),
        ("logEncoding", None),
        ("name", checks.check_param_str),
        ("progressMetrics", None),
        ("useProgress", None),
        ("warnOnFailure", checks.check_param_bool),
        ("warnOnWarnings", checks.check_param_bool),
        ("workdir", checks.check_param_str_none),
    ]
    _params_names = [name for name, _check in _params_config]

    name = "generic"
    description = None
    descriptionDone = None
    descriptionSuffix = None
    updateBuildSummaryPolicy = None
    locks = None
    _locks_to_acquire: list = []
    progressMetrics: tuple = ()
    useProgress = True
    build = None
    step_status = None
    progress = None
    logEncoding = None
    cmd = None
    rendered = False
    _workdir = None
    _waitingForLocks = False
    _session = None

    def __new__(cls, *args, **kwargs):
        self = object.__new__(cls if "_step_class" in vars(cls) else template_class(cls))
        state = self.__dict__
        state["_made"] = (args, kwargs)
        state["_place"] = caller()
        return self

    @recorded
    def __init__(self, **kwargs):
        state = self.__dict__
        state.update(_FRESH)
        state.update(
            statistics={},
            logs={},
            _all_logs=[],
            _pendingLogObservers=[],
            _acquiringLocks=[],
            _test_results={},
        )
        if kwargs:
            self._take(kwargs)
        for text in ("description", "descriptionDone", "descriptionSuffix"):
            value = getattr(self, text)
            if isinstance(value, str):
                setattr(self, text, [value])
        name = self.name
        if type(name) is not str or len(name) > NAME_LENGTH_MAX:
            checks.check_param_length(name, f"Step {self.__class__.__name__} name", NAME_LENGTH_MAX)
        policy = self._summary_policy()
        if policy is not self.updateBuildSummaryPolicy:
            state["updateBuildSummaryPolicy"] = policy

    def _take(self, kwargs):
        """Sets the attributes that every step has from `kwargs`; nothing may be left over."""
        left = dict(kwargs)
        for param, check in self._params_config:
            if param not in left:
                continue
            value = left.pop(param)
            if check is not None and not is_renderable(value):
                check(value, self.__class__, param)
            setattr(self, param, value)
        if left:
            self._report_unknown(
                f"<class 'buildbot.process.buildstep.{self.__class__.__name__}'>.__init__ got "
                f"unexpected keyword argument(s) {list(left)}",
                list(left),
            )

    def _report_unknown(self, message, names):
        """Reports arguments that this class does not take."""
        from buildbot._host.hints import keywords_of

        config_error(UnknownNames(message, names, keywords_of(self.__class__)))

    def _summary_policy(self):
        """The results whose summary becomes part of the build's."""
        policy = self.updateBuildSummaryPolicy
        if policy is None:
            policy = [EXCEPTION, RETRY, CANCELLED]
            if self.flunkOnFailure or self.haltOnFailure or self.warnOnFailure:
                policy.append(FAILURE)
            if self.warnOnWarnings or self.flunkOnWarnings:
                policy.append(WARNINGS)
        elif policy is False:
            policy = []
        elif policy is True:
            policy = ALL_RESULTS
        if not isinstance(policy, list):
            config_error(
                "BuildStep updateBuildSummaryPolicy must be a list of result ids or boolean "
                f"but it is {policy!r}"
            )
        return policy

    @property
    def _factory(self):
        return self.get_step_factory()

    def get_step_factory(self):
        """The factory that makes this step anew for a build."""
        factory = object.__new__(_BuildStepFactory)
        factory.step_class = step_class_of(self)
        factory.args, factory.kwargs = self._made
        factory._template = self
        return factory

    def set_step_arg(self, name, value):
        """Changes an argument of this template; what it describes changes with it."""
        self._made[1][name] = value
        anew = self.get_step_factory().buildStep()
        note_assigned(anew)
        for record in ("_given", "_described_extra"):
            if record in anew.__dict__:
                self.__dict__[record] = anew.__dict__[record]

    def is_exact_step_class(self, klass):
        """Whether this is a step of `klass` itself, not of a class derived from it."""
        return step_class_of(self) is klass

    def __str__(self):
        args, kwargs = self._made
        given = [repr(value) for value in args]
        given += [f"{name}={value!r}" for name, value in kwargs.items()]
        return f"{self.__class__.__name__}({', '.join(given)})"

    __repr__ = __str__


class CommandMixin:
    """Methods for common work on the worker's files; they write to the log `stdio`."""

    @runtime.inline
    def _runRemoteCommand(self, cmd, abandonOnFailure, args, makeResult=None):
        from buildbot.process.remotecommand import RemoteCommand

        command = RemoteCommand(cmd, args)
        if "stdio" in self.logs:
            log = self.getLog("stdio")
        else:
            log = yield self.addLog("stdio")
        command.useLog(log, False)
        yield self.runCommand(command)
        if abandonOnFailure and command.didFail():
            raise BuildStepFailed()
        return makeResult(command) if makeResult else not command.didFail()

    def runRmdir(self, dir, log=None, abandonOnFailure=True):
        return self._runRemoteCommand("rmdir", abandonOnFailure, {"dir": dir, "logEnviron": False})

    def pathExists(self, path):
        return self._runRemoteCommand("stat", False, {"file": path, "logEnviron": False})

    def runMkdir(self, dir, log=None, abandonOnFailure=True):
        return self._runRemoteCommand("mkdir", abandonOnFailure, {"dir": dir, "logEnviron": False})

    def runGlob(self, path):
        return self._runRemoteCommand(
            "glob",
            True,
            {"path": path, "logEnviron": False},
            makeResult=lambda command: command.updates["files"][0],
        )


class ShellMixin:
    """For steps that run commands of a shell; gives them its arguments."""

    command = None
    env: dict = {}
    want_stdout = True
    want_stderr = True
    usePTY = None
    logfiles: dict = {}
    lazylogfiles = False
    timeout = 1200
    maxTime = None
    max_lines = None
    logEnviron = True
    interruptSignal = "KILL"
    sigtermTime = None
    initialStdin = None
    decodeRC = {0: SUCCESS}

    _shell_mixin_arg_config = [
        ("command", None),
        ("workdir", checks.check_param_str),
        ("env", None),
        ("want_stdout", checks.check_param_bool),
        ("want_stderr", checks.check_param_bool),
        ("usePTY", checks.check_param_bool),
        ("logfiles", None),
        ("lazylogfiles", checks.check_param_bool),
        ("timeout", checks.check_param_number_none),
        ("maxTime", checks.check_param_number_none),
        ("max_lines", checks.check_param_number_none),
        ("logEnviron", checks.check_param_bool),
        ("interruptSignal", checks.check_param_str_none),
        ("sigtermTime", checks.check_param_number_none),
        ("initialStdin", checks.check_param_str_none),
        ("decodeRC", None),
    ]
    renderables = [name for name, _check in _shell_mixin_arg_config]

    def setupShellMixin(self, constructorArgs, prohibitArgs=None):
        """Takes the arguments of a shell command out of `constructorArgs`; returns the others."""
        left = dict(constructorArgs)
        refused = prohibitArgs or ()
        for arg, check in self._shell_mixin_arg_config:
            if arg not in left:
                continue
            value = left.pop(arg)
            if arg in refused:
                config_error(self._refused_argument(arg))
                continue
            if check is not None and not is_renderable(value):
                check(value, self.__class__, arg)
            setattr(self, arg, value)
        for arg in list(left):
            if arg not in BuildStep._params_names:
                self._report_unknown(self._refused_argument(arg), [arg])
                del left[arg]
        return left

    def _refused_argument(self, arg):
        return f"invalid {self.__class__.__name__} argument {arg}"

    @runtime.inline
    def makeRemoteShellCommand(
        self, collectStdout=False, collectStderr=False, stdioLogName="stdio", **overrides
    ):
        """A command ready for `runCommand`, made of the step's attributes and `overrides`."""
        from buildbot.process.remotecommand import RemoteShellCommand
        from buildbot.util import flatten

        kwargs = {name: getattr(self, name) for name, _check in self._shell_mixin_arg_config}
        kwargs.update(overrides)
        lazy = kwargs.pop("lazylogfiles")
        stdio = None
        if stdioLogName is not None:
            if stdioLogName in self.logs:
                stdio = self.logs[stdioLogName]
            else:
                stdio = yield self.addLog(stdioLogName)
        kwargs["command"] = flatten(kwargs["command"], (list, tuple))
        self.command = kwargs["command"]
        kwargs["env"] = yield self._whole_env(kwargs["env"])
        kwargs["stdioLogName"] = stdioLogName
        command = RemoteShellCommand(
            collectStdout=collectStdout, collectStderr=collectStderr, **kwargs
        )
        if stdio is not None:
            command.useLog(stdio, False)
        for name in kwargs["logfiles"]:
            if lazy:
                command.useLogDelayed(name, lambda _command, name=name: self.addLog(name), True)
            else:
                log = yield self.addLog(name)
                command.useLog(log, True)
        return command

    @runtime.inline
    def _whole_env(self, own):
        """The builder's environment with the step's own above it."""
        of_builder = yield self.build.render(self.build.builder.config.env)
        if not of_builder:
            return own
        return {**of_builder, **(own or {})}

    def getResultSummary(self):
        if self.descriptionDone is not None or not self.command or self._said is not None:
            return super().getResultSummary()
        from buildbot.util import command_to_string

        text = command_to_string(self.command)
        if not text:
            return super().getResultSummary()
        if self.results != SUCCESS:
            text += f" ({statusToString(self.results)})"
            if self.timed_out:
                text += " (timed out)"
            elif self.max_lines_reached:
                text += " (max lines)"
        return {"step": text}
