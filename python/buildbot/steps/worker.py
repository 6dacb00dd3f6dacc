"""Steps and helpers that work on the worker's files."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process import buildstep
from buildbot.process.results import FAILURE, SUCCESS

__all__ = [
    "CompositeStepMixin",
    "CopyDirectory",
    "FAILURE",
    "FileExists",
    "MakeDirectory",
    "RemoveDirectory",
    "SUCCESS",
    "SetPropertiesFromEnv",
    "WorkerBuildStep",
    "buildstep",
]

__getattr__ = elsewhere(__name__, "defer remotecommand remotetransfer")


class WorkerBuildStep(buildstep.BuildStep):
    """Base of the steps of this module."""


class SetPropertiesFromEnv(WorkerBuildStep):
    """Makes properties of the worker's environment variables."""

    name = "SetPropertiesFromEnv"
    description = ["Setting"]
    descriptionDone = ["Set"]

    @recorded
    def __init__(self, variables, source="WorkerEnvironment", **kwargs):
        super().__init__(**kwargs)
        self.variables = variables
        self.source = source

    @runtime.native
    def run(self):
        """Sets the properties."""


class FileExists(WorkerBuildStep):
    """Succeeds when a file exists on the worker."""

    name = "FileExists"
    renderables = ["file"]
    haltOnFailure = True
    flunkOnFailure = True

    @recorded
    def __init__(self, file, **kwargs):
        super().__init__(**kwargs)
        self.file = file

    @runtime.native
    def run(self):
        """Asks for the file."""


class CopyDirectory(WorkerBuildStep):
    """Copies a directory on the worker."""

    name = "CopyDirectory"
    description = ["Copying"]
    descriptionDone = ["Copied"]
    renderables = ["src", "dest"]
    haltOnFailure = True
    flunkOnFailure = True

    @recorded
    def __init__(self, src, dest, timeout=120, maxTime=None, **kwargs):
        super().__init__(**kwargs)
        self.src = src
        self.dest = dest
        self.timeout = timeout
        self.maxTime = maxTime

    @runtime.native
    def run(self):
        """Copies it."""


class RemoveDirectory(WorkerBuildStep):
    """Removes a directory on the worker with all it holds."""

    name = "RemoveDirectory"
    description = ["Deleting"]
    descriptionDone = ["Deleted"]
    renderables = ["dir"]
    haltOnFailure = True
    flunkOnFailure = True

    @recorded
    def __init__(self, dir, **kwargs):
        super().__init__(**kwargs)
        self.dir = dir

    @runtime.native
    def run(self):
        """Removes it."""


class MakeDirectory(WorkerBuildStep):
    """Makes a directory on the worker, and those above it."""

    name = "MakeDirectory"
    description = ["Creating"]
    descriptionDone = ["Created"]
    renderables = ["dir"]
    haltOnFailure = True
    flunkOnFailure = True

    @recorded
    def __init__(self, dir, **kwargs):
        super().__init__(**kwargs)
        self.dir = dir

    @runtime.native
    def run(self):
        """Makes it."""


class CompositeStepMixin:
    """For steps made of several commands on the worker.

    `runRmdir` and `runMkdir` tell whether the command *failed*, unlike those of `CommandMixin`.
    """

    rc_log = None

    def workerPathToMasterPath(self, path):
        """`path` in the notation of the worker, in that of the master."""
        import os.path

        module = self.build.path_module
        return os.path.join(*path.split(module.sep))

    @runtime.inline
    def addLogForRemoteCommands(self, logname):
        """Makes the log that later commands write to."""
        self.rc_log = yield self.addLog(logname)
        return self.rc_log

    @runtime.inline
    def runRemoteCommand(
        self, cmd, args, abandonOnFailure=True, evaluateCommand=lambda cmd: cmd.didFail()
    ):
        """Runs a command by its name; returns what `evaluateCommand` makes of it."""
        from buildbot.process.remotecommand import RemoteCommand

        command = RemoteCommand(cmd, args)
        if self.rc_log is not None:
            command.useLog(self.rc_log, False)
        yield self.runCommand(command)
        if abandonOnFailure and command.didFail():
            raise buildstep.BuildStepFailed()
        return evaluateCommand(command)

    def runRmdir(self, dir, timeout=None, **kwargs):
        args = {"dir": dir, "logEnviron": self.logEnviron}
        if timeout:
            args["timeout"] = timeout
        return self.runRemoteCommand("rmdir", args, **kwargs)

    def runRmFile(self, path, timeout=None, **kwargs):
        args = {"path": path, "logEnviron": self.logEnviron}
        if timeout:
            args["timeout"] = timeout
        if self.workerVersionIsOlderThan("rmfile", "3.1"):
            args["dir"] = args.pop("path")
            return self.runRemoteCommand("rmdir", args, **kwargs)
        return self.runRemoteCommand("rmfile", args, **kwargs)

    def pathExists(self, path):
        return self.runRemoteCommand(
            "stat",
            {"file": path, "logEnviron": self.logEnviron},
            abandonOnFailure=False,
            evaluateCommand=lambda command: not command.didFail(),
        )

    def runMkdir(self, _dir, **kwargs):
        return self.runRemoteCommand(
            "mkdir", {"dir": _dir, "logEnviron": self.logEnviron}, **kwargs
        )

    def runGlob(self, path, **kwargs):
        return self.runRemoteCommand(
            "glob",
            {"path": path, "logEnviron": self.logEnviron},
            evaluateCommand=lambda command: command.updates["files"][0],
            **kwargs,
        )

    @runtime.inline
    def getFileContentFromWorker(self, filename, abandonOnFailure=False):
        """The text of a file below the step's directory; None when it could not be read."""
        from buildbot.process.remotetransfer import StringFileWriter

        self.checkWorkerHasCommand("uploadFile")
        writer = StringFileWriter()
        args = {
            "workdir": self.workdir,
            "writer": writer,
            "maxsize": None,
            "blocksize": 32 * 1024,
        }
        if self.workerVersionIsOlderThan("uploadFile", "3.0"):
            args["slavesrc"] = filename
        else:
            args["workersrc"] = filename

        def read(command):
            return None if command.didFail() else writer.buffer

        content = yield self.runRemoteCommand(
            "uploadFile", args, abandonOnFailure=abandonOnFailure, evaluateCommand=read
        )
        return content

    def downloadFileContentToWorker(
        self, workerdest, strfile, abandonOnFailure=False, mode=None, workdir=None
    ):
        """Writes `strfile` into a file of the worker."""
        from buildbot.process.remotetransfer import StringFileReader

        self.checkWorkerHasCommand("downloadFile")
        args = {
            "workdir": self.workdir if workdir is None else workdir,
            "reader": StringFileReader(strfile),
            "mode": mode,
            "maxsize": None,
            "blocksize": 32 * 1024,
        }
        if self.workerVersionIsOlderThan("downloadFile", "3.0"):
            args["slavedest"] = workerdest
        else:
            args["workerdest"] = workerdest
        return self.runRemoteCommand(
            "downloadFile",
            args,
            abandonOnFailure=abandonOnFailure,
            evaluateCommand=lambda command: None if command.didFail() else True,
        )
