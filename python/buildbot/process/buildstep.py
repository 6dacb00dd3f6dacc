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
from buildbot.config import checks
from buildbot.config.errors import capture_config_errors
from buildbot.config.errors import error as config_error
from buildbot.process import properties, results
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
    "Failure IRenderable WorkerSetupError bytes2unicode check_param_bool "
    "check_param_length check_param_number_none check_param_str check_param_str_none "
    "config debounce defer deferwaiter error flatten get_real_locks_from_accesses "
    "interfaces log plog remotecommand util",
)

NAME_LENGTH_MAX = 50


class BuildStepFailed(Exception):
    """Raised inside of `run` to end the step as failed."""


class BuildStepCancelled(Exception):
    """Raised inside of `run` when the step was cancelled."""


class CallableAttributeError(Exception):
    """An attribute was missing inside of a property's function."""


class BuildStepStatus:
    """Nothing; a name that old code imports."""


# Templates


@provides("IBuildStepFactory")
class _BuildStepFactory(ComparableMixin):
    """Makes a step from its class and arguments, once for every build."""

    compare_attrs = ("step_class", "args", "kwargs")

    def __init__(self, step_class, *args, **kwargs):
        self.step_class = step_class
        self.args = args
        self.kwargs = kwargs

    # The step that a configuration made, if one did.
    _template = None

    def _describe_as(self):
        """A factory is described as the step that it makes."""
        if self._template is None:
            self._template = self.step_class(*self.args, **self.kwargs)
        return self._template

    def buildStep(self):
        step = object.__new__(self.step_class)
        step.__dict__["_made"] = (self.args, self.kwargs)
        step.__dict__["_place"] = None
        step.__init__(*self.args, **self.kwargs)
        return step


class BuildStepWrapperMixin:
    """What makes an instance a template: it is closed against changes once it is made."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._note_assigned()
        self.__class__ = _closed_class(type(self))


def _refuse_change(self, name, value):
    config_error(
        "Changes to attributes of a BuildStep instance are ignored, this is a bug. "
        "Use set_step_arg(name, value) for that."
    )
    object.__setattr__(self, name, value)


# Class → the class of its templates while they are made; the latter → once they are made.
_template_classes: dict = {}
_closed_classes: dict = {}


def _derived(name_of, bases, members):
    members["__module__"] = name_of.__module__
    members["__qualname__"] = name_of.__qualname__
    members["_step_class"] = name_of
    return type(name_of.__name__, bases, members)


def _template_class(step_class):
    """The class of the templates of `step_class`; a template's template is of the same class."""
    made = _template_classes.get(step_class)
    if made is None:
        made = _derived(step_class, (BuildStepWrapperMixin, step_class), {})
        _template_classes[step_class] = made
    return made


def _closed_class(template_class):
    made = _closed_classes.get(template_class)
    if made is None:
        members = {"__setattr__": _refuse_change}
        made = _derived(template_class._step_class, (template_class,), members)
        _closed_classes[template_class] = made
    return made


_classes_of_ours: dict = {}
_parameters_of: dict = {}


def _class_of_ours(step_class):
    """The class of this package below a user's class with a constructor; None for other classes."""
    if step_class not in _classes_of_ours:
        found = None
        users = False
        for cls in step_class.__mro__:
            if not (cls.__module__ or "").startswith("buildbot."):
                users = users or "__init__" in vars(cls)
            elif issubclass(cls, BuildStep):
                found = cls
                break
        _classes_of_ours[step_class] = found if users else None
    return _classes_of_ours[step_class]


def _constructed(step_class, given):
    """The attributes of a step of ours with these arguments; None if they do not make one."""
    step = object.__new__(step_class)
    step.__dict__["_made"] = ((), {})
    kwargs = {name: value for name, value in given.items() if not name.startswith("*")}
    try:
        with capture_config_errors():
            step.__init__(**kwargs)
    except Exception:
        return None
    return step.__dict__


def _parameters(step_class):
    """The names that constructors of this class and its bases understand."""
    names = _parameters_of.get(step_class)
    if names is None:
        names = set(BuildStep._params_names)
        for cls in step_class.__mro__:
            names.update(vars(cls).get("renderables", ()))
            code = getattr(vars(cls).get("__init__"), "__wrapped__", None)
            if code is not None:
                code = code.__code__
                names.update(code.co_varnames[1 : code.co_argcount])
        _parameters_of[step_class] = names
    return names


_PLAIN = (str, bytes, int, float, bool, type(None), list, tuple, dict)


def _same(value, other):
    """Whether two values are described alike; `==` of renderables is no comparison."""
    if value is other:
        return True
    return type(value) is type(other) and type(value) in _PLAIN and repr(value) == repr(other)


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
class BuildStep(Described, ResultComputingConfigMixin, PropertiesMixin, ComparableMixin):
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
        self = object.__new__(_template_class(cls))
        state = self.__dict__
        state["_made"] = (args, kwargs)
        state["_place"] = caller()
        return self

    @recorded
    def __init__(self, **kwargs):
        state = self.__dict__
        state.update(_FRESH)
        state.update(
            statistics={}, logs={}, _pendingLogObservers=[], _acquiringLocks=[], _test_results={}
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
            config_error(
                f"<class 'buildbot.process.buildstep.{self.__class__.__name__}'>.__init__ got "
                f"unexpected keyword argument(s) {list(left)}"
            )

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

    def _step_class_of(self):
        return getattr(type(self), "_step_class", type(self))

    @property
    def _factory(self):
        return self.get_step_factory()

    def get_step_factory(self):
        """The factory that makes this step anew for a build."""
        factory = object.__new__(_BuildStepFactory)
        factory.step_class = self._step_class_of()
        factory.args, factory.kwargs = self._made
        factory._template = self
        return factory

    def set_step_arg(self, name, value):
        """Changes an argument of this template; what it describes changes with it."""
        self._made[1][name] = value
        anew = self.get_step_factory().buildStep()
        anew._note_assigned()
        for record in ("_given", "_described_extra"):
            if record in anew.__dict__:
                self.__dict__[record] = anew.__dict__[record]

    def _note_assigned(self):
        """Notes what the constructor of a user's class did besides calling ours.

        Attributes that it assigned count as arguments; the names of logs that it observes are
        described too.
        """
        ours = _class_of_ours(self._step_class_of())
        if ours is None:
            return
        state = self.__dict__
        given = state.setdefault("_given", {})
        reference = _constructed(ours, given)
        if reference is None:
            return
        known = _parameters(ours)
        for name, value in state.items():
            name = "workdir" if name == "_workdir" else name
            if name not in known:
                continue
            stored = "_workdir" if name == "workdir" else name
            if stored not in reference or not _same(value, reference[stored]):
                given[name] = value
        theirs = [name for name, _observer in state["_pendingLogObservers"]]
        for name, _observer in reference["_pendingLogObservers"]:
            theirs.remove(name)
        if theirs:
            state["_described_extra"] = {"observes": sorted(set(theirs))}

    def is_exact_step_class(self, klass):
        """Whether this is a step of `klass` itself, not of a class derived from it."""
        return self._step_class_of() is klass

    def __str__(self):
        args, kwargs = self._made
        given = [repr(value) for value in args]
        given += [f"{name}={value!r}" for name, value in kwargs.items()]
        return f"{self.__class__.__name__}({', '.join(given)})"

    __repr__ = __str__

    # What a running step knows

    def setBuild(self, build):
        self.build = build
        self.master = build.master

    def setWorker(self, worker):
        self.worker = worker

    def setDefaultWorkdir(self, workdir):
        if self._workdir is None:
            self._workdir = workdir

    @property
    def workdir(self):
        """The step's own directory, or that of the build."""
        if self._workdir is not None or self.build is None:
            return self._workdir
        default = self.build.workdir
        if not callable(default):
            return default
        try:
            return default(self.build.sources)
        except AttributeError as missing:
            # An AttributeError out of a property would look as if `workdir` did not exist.
            raise CallableAttributeError(missing) from missing

    @workdir.setter
    def workdir(self, workdir):
        self._workdir = workdir

    def getProperties(self):
        assert self.build is not None
        return self.build.getProperties()

    def getWorkerName(self):
        assert self.build is not None
        return self.build.getWorkerName()

    def workerVersion(self, command, oldversion=None):
        """The version of a worker's command, None when the worker does not know it."""
        assert self.build is not None
        return self.build.getWorkerCommandVersion(command, oldversion)

    def workerVersionIsOlderThan(self, command, minversion):
        version = self.workerVersion(command, None)
        if version is None:
            return True
        return _numbers(version) < _numbers(minversion)

    def checkWorkerHasCommand(self, command):
        if not self.workerVersion(command):
            from buildbot.interfaces import WorkerSetupError

            raise WorkerSetupError(f"worker is too old, does not know about {command}")

    # Summaries

    def getCurrentSummary(self):
        """What is shown while the step runs."""
        words = list(self.description) if self.description else ["running"]
        if self.description and self.descriptionSuffix:
            words += self.descriptionSuffix
        return {"step": _joined(words)}

    def getResultSummary(self):
        """What is shown when it has ended; the key `build` speaks for the whole build."""
        words = list(self.descriptionDone or self.description or [])
        if words and self.descriptionSuffix:
            words += self.descriptionSuffix
        text = _joined(words or ["finished"])
        if self.results != SUCCESS:
            text += f" ({statusToString(self.results)})"
            if self.timed_out:
                text += " (timed out)"
            elif self.max_lines_reached:
                text += " (max lines reached)"
        return {"step": text}

    @runtime.inline
    def getBuildResultSummary(self):
        summary = yield self.getResultSummary()
        if self.results in self.updateBuildSummaryPolicy:
            if "build" not in summary and "step" in summary:
                summary["build"] = summary["step"]
        return summary

    def updateSummary(self):
        runtime.tell(self, "updateSummary")

    # Life

    def setupProgress(self):
        """Nothing: steps have no expectations of progress."""

    def setProgress(self, metric, value):
        """Nothing: steps have no expectations of progress."""

    def addStep(self):
        return runtime.ask(self, "addStep")

    def startStep(self, remote):
        self.remote = remote
        return runtime.ask(self, "startStep")

    def run(self):
        raise NotImplementedError("A custom build step must implement run()")

    def interrupt(self, reason):
        """Stops the step: what it waits for is given up, its command is interrupted."""
        self.stopped = True
        return runtime.ask(self, "interrupt", reason=reason)

    def acquireLocks(self, res=None):
        return runtime.ask(self, "acquireLocks")

    def releaseLocks(self):
        if self._session is not None:
            runtime.tell(self, "releaseLocks")

    @runtime.inline
    def runCommand(self, command):
        """Runs a command on the worker; a stopped step runs none and gets CANCELLED."""
        if self.stopped:
            return CANCELLED
        self.cmd = command
        try:
            answer = yield command.run(self, getattr(self, "remote", None), self._builder_name())
        finally:
            self.cmd = None
        return answer

    def _builder_name(self):
        return self.build.builder.name if self.build is not None else None

    # Logs

    @runtime.inline
    def addLog(self, name, type="s", logEncoding=None):
        log_id = yield self._ask_for_log(name, type)
        return self._newLog(name, type, log_id, logEncoding)

    def _ask_for_log(self, name, type):
        if self._session is None:
            raise BuildStepCancelled()
        return runtime.ask(self, "addLog", name=name, type=type)

    def getLog(self, name):
        return self.logs[name]

    @runtime.inline
    def addCompleteLog(self, name, text):
        log = yield self.addLog(name, "t")
        yield log.addContent(text)
        yield log.finish()

    @runtime.inline
    def addHTMLLog(self, name, html):
        log = yield self.addLog(name, "h")
        yield log.addContent(html)
        yield log.finish()

    @runtime.inline
    def addLogWithFailure(self, why, logprefix=""):
        import html

        text = why.getTraceback()
        yield self.addCompleteLog(logprefix + "err.text", text)
        yield self.addHTMLLog(logprefix + "err.html", f"<pre>{html.escape(text)}</pre>\n")

    def addLogWithException(self, why, logprefix=""):
        from twisted.python.failure import Failure

        return self.addLogWithFailure(Failure(why), logprefix)

    def addLogObserver(self, logname, observer):
        """Shows a log to `observer`, now or as soon as there is such a log."""
        observer.setStep(self)
        self._pendingLogObservers.append((logname, observer))
        self._connectPendingLogObservers()

    def _newLog(self, name, type, logid, logEncoding=None):
        from buildbot.process.log import Log

        encoding = logEncoding or self.logEncoding
        if not encoding:
            encoding = getattr(getattr(self.master, "config", None), "logEncoding", None) or "utf-8"
        log = Log.new(self.master, name, type, logid, encoding)
        log._session = self._session
        self.logs[name] = log
        self._connectPendingLogObservers()
        return log

    def _connectPendingLogObservers(self):
        waiting = []
        for name, observer in self._pendingLogObservers:
            if name in self.logs:
                observer.setLog(self.logs[name])
            else:
                waiting.append((name, observer))
        self._pendingLogObservers[:] = waiting

    # Facts about the step

    def addURL(self, name, url):
        return runtime.ask(self, "addURL", name=name, url=url)

    def setBuildData(self, name, value, source):
        return runtime.ask(self, "setBuildData", name=name, value=value, source=source)

    @runtime.inline
    def addTestResultSets(self):
        """Overridden by steps that report results of tests; nothing here."""
        return None
        yield

    @runtime.inline
    def addTestResultSet(self, description, category, value_unit):
        set_id = yield runtime.ask(
            self,
            "addTestResultSet",
            description=description,
            category=category,
            value_unit=value_unit,
        )
        self._test_results[set_id] = category
        return set_id

    def addTestResult(
        self, setid, value, test_name=None, test_code_path=None, line=None, duration_ns=None
    ):
        runtime.tell(
            self,
            "addTestResult",
            setid=setid,
            value=value,
            test_name=test_name,
            test_code_path=test_code_path,
            line=line,
            duration_ns=duration_ns,
        )

    def hasStatistic(self, name):
        return name in self.statistics

    def getStatistic(self, name, default=None):
        return self.statistics.get(name, default)

    def getStatistics(self):
        return dict(self.statistics)

    def setStatistic(self, name, value):
        self.statistics[name] = value


def _numbers(version):
    return [int(part) for part in version.split(".")]


def _joined(words):
    return " ".join(word if isinstance(word, str) else str(word) for word in words)


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
                self._refuse_argument(arg)
                continue
            if check is not None and not is_renderable(value):
                check(value, self.__class__, arg)
            setattr(self, arg, value)
        for arg in list(left):
            if arg not in BuildStep._params_names:
                self._refuse_argument(arg)
                del left[arg]
        return left

    def _refuse_argument(self, arg):
        config_error(f"invalid {self.__class__.__name__} argument {arg}")

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
        if self.descriptionDone is not None or not self.command:
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
