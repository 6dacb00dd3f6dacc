"""What a step can do while its build runs: ask, run commands, write logs, tell facts."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot.process.results import CANCELLED, SUCCESS, statusToString


class BuildStepFailed(Exception):
    """Raised inside of `run` to end the step as failed."""

    __module__ = "buildbot.process.buildstep"


class BuildStepCancelled(Exception):
    """Raised inside of `run` when the step was cancelled."""

    __module__ = "buildbot.process.buildstep"


class CallableAttributeError(Exception):
    """An attribute was missing inside of a property's function."""

    __module__ = "buildbot.process.buildstep"


class WorkerQuestions:
    """What a step, which has a `build`, knows of its worker."""

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


class RunningStep(WorkerQuestions):
    """The part of `BuildStep` that serves its code in a running build."""

    build = None
    cmd = None
    _workdir = None
    _session = None
    # What the master says of a built-in step that it has carried out.
    _said = None

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

    # Summaries

    def getCurrentSummary(self):
        """What is shown while the step runs."""
        return {"step": self._shown_words(self.description, "running")}

    def getResultSummary(self):
        """What is shown when it has ended; the key `build` speaks for the whole build."""
        if self._said is not None:
            return {"step": self._with_results(self._said)}
        words = self.description if self.descriptionDone is None else self.descriptionDone
        text = self._shown_words(words, "finished")
        if self.results != SUCCESS:
            text += f" ({statusToString(self.results)})"
            if self.timed_out:
                text += " (timed out)"
            elif self.max_lines_reached:
                text += " (max lines reached)"
        return {"step": text}

    def _shown_words(self, words, otherwise):
        if words is None:
            return otherwise
        text = _joined(words)
        if self.descriptionSuffix:
            text += " " + _joined(self.descriptionSuffix)
        return text

    def _with_results(self, text):
        if self.results != SUCCESS:
            text += f" ({statusToString(self.results)})"
        return text

    @runtime.inline
    def getBuildResultSummary(self):
        summary = yield self.getResultSummary()
        if self.results in self.updateBuildSummaryPolicy:
            if "build" not in summary and "step" in summary:
                summary["build"] = summary["step"]
        return summary

    def updateSummary(self):
        runtime.tell(self, "updateSummary")

    # Rendering

    @runtime.inline
    def _render_renderables(self):
        """Replaces the attributes that `renderables` of all classes name by their renderings."""
        values = {name: getattr(self, name) for name in _all_renderables(type(self))}
        rendered = yield self.build.render(values)
        for name, value in rendered.items():
            setattr(self, name, value)
        self.rendered = True

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
        if command.remote_failure_reason in ("timeout", "timeout_without_output"):
            self.timed_out = True
        elif command.remote_failure_reason == "max_lines_failure":
            self.max_lines_reached = True
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
        self._all_logs.append(log)
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


def _all_renderables(step_class):
    names = {}
    for cls in step_class.__mro__:
        names.update(dict.fromkeys(vars(cls).get("renderables", ())))
    return list(names)


def _numbers(version):
    return [int(part) for part in version.split(".")]


def _joined(words):
    if not isinstance(words, (list, tuple)):
        return str(words)
    return " ".join(word if isinstance(word, str) else str(word) for word in words)
