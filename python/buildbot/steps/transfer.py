"""Steps that move files between worker and master."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process.buildstep import FAILURE, SKIPPED, SUCCESS, BuildStep
from buildbot.steps.worker import CompositeStepMixin

__all__ = [
    "BuildStep",
    "CompositeStepMixin",
    "DirectoryUpload",
    "FAILURE",
    "FileDownload",
    "FileUpload",
    "JSONPropertiesDownload",
    "JSONStringDownload",
    "MultipleFileUpload",
    "SKIPPED",
    "SUCCESS",
    "StringDownload",
    "makeStatusRemoteCommand",
]

__getattr__ = elsewhere(
    __name__,
    "WorkerSetupError config defer flatten log remotecommand remotetransfer",
)


def makeStatusRemoteCommand(step, remote_command, args):
    """A command that succeeds also when the worker sends no exit code."""
    from buildbot.process.remotecommand import RemoteCommand

    command = RemoteCommand(remote_command, args, decodeRC={None: SUCCESS, 0: SUCCESS})
    command.useLog(step.stdio_log)
    return command


def _check_mode(mode):
    if not isinstance(mode, (int, type(None))):
        config_error("mode must be an integer or None")


def _check_compress(compress):
    if compress not in (None, "gz", "bz2"):
        config_error("'compress' must be one of None, 'gz', or 'bz2'")


def _needs_two(first, second):
    # Both have a default only because they once had other names.
    if first is None or second is None:
        raise TypeError("__init__() takes at least 3 arguments")


class _TransferBuildStep(BuildStep):
    """Base of the steps of this module."""

    renderables = ["workdir"]
    haltOnFailure = True
    flunkOnFailure = True

    @recorded
    def __init__(self, workdir=None, **buildstep_kwargs):
        super().__init__(**buildstep_kwargs)
        self.workdir = workdir

    @runtime.inline
    def runTransferCommand(self, cmd, writer=None):
        """Runs a command that moves a file; what was half written is removed again."""
        yield self.runCommand(cmd)
        if writer is not None and cmd.didFail():
            writer.purge()
        return cmd.results()


class FileUpload(_TransferBuildStep):
    """Copies a file from the worker to the master."""

    name = "upload"
    renderables = ["masterdest", "url", "urlText", "workersrc"]

    @recorded
    def __init__(
        self,
        workersrc=None,
        masterdest=None,
        workdir=None,
        maxsize=None,
        blocksize=256 * 1024,
        mode=None,
        keepstamp=False,
        url=None,
        urlText=None,
        **buildstep_kwargs,
    ):
        _needs_two(workersrc, masterdest)
        super().__init__(workdir=workdir, **buildstep_kwargs)
        self.workersrc = workersrc
        self.masterdest = masterdest
        self.maxsize = maxsize
        self.blocksize = blocksize
        _check_mode(mode)
        self.mode = mode
        self.keepstamp = keepstamp
        self.url = url
        self.urlText = urlText

    @runtime.native
    def run(self):
        """Copies the file."""


class DirectoryUpload(_TransferBuildStep):
    """Copies a directory from the worker to the master."""

    name = "upload"
    renderables = ["workersrc", "masterdest", "url", "urlText"]

    @recorded
    def __init__(
        self,
        workersrc=None,
        masterdest=None,
        workdir=None,
        maxsize=None,
        blocksize=16 * 1024,
        compress=None,
        url=None,
        urlText=None,
        **buildstep_kwargs,
    ):
        _needs_two(workersrc, masterdest)
        super().__init__(workdir=workdir, **buildstep_kwargs)
        self.workersrc = workersrc
        self.masterdest = masterdest
        self.maxsize = maxsize
        self.blocksize = blocksize
        _check_compress(compress)
        self.compress = compress
        self.url = url
        self.urlText = urlText

    @runtime.native
    def run(self):
        """Copies the directory."""


class MultipleFileUpload(_TransferBuildStep, CompositeStepMixin):
    """Copies files and directories from the worker to the master."""

    name = "upload"
    logEnviron = False
    renderables = ["workersrcs", "masterdest", "url", "urlText"]

    @recorded
    def __init__(
        self,
        workersrcs=None,
        masterdest=None,
        workdir=None,
        maxsize=None,
        blocksize=16 * 1024,
        glob=False,
        mode=None,
        compress=None,
        keepstamp=False,
        url=None,
        urlText=None,
        **buildstep_kwargs,
    ):
        _needs_two(workersrcs, masterdest)
        super().__init__(workdir=workdir, **buildstep_kwargs)
        self.workersrcs = workersrcs
        self.masterdest = masterdest
        self.maxsize = maxsize
        self.blocksize = blocksize
        _check_mode(mode)
        self.mode = mode
        _check_compress(compress)
        self.compress = compress
        self.glob = glob
        self.keepstamp = keepstamp
        self.url = url
        self.urlText = urlText

    @runtime.native
    def uploadFile(self, source, masterdest):
        """Copies one file."""

    @runtime.native
    def uploadDirectory(self, source, masterdest):
        """Copies one directory."""

    @runtime.native
    def startUpload(self, source, destdir):
        """Copies one file or directory."""

    @runtime.inline
    def uploadDone(self, result, source, masterdest):
        """Called after each file; classes of users override it."""
        return None
        yield

    @runtime.inline
    def allUploadsDone(self, result, sources, masterdest):
        """Called at the end: adds the link."""
        if self.url is not None:
            import os.path

            text = self.urlText or os.path.basename(masterdest)
            yield self.addURL(text, self.url)

    @runtime.native
    def run(self):
        """Copies all of them."""


class FileDownload(_TransferBuildStep):
    """Copies a file from the master to the worker."""

    name = "download"
    renderables = ["mastersrc", "workerdest"]

    @recorded
    def __init__(
        self,
        mastersrc,
        workerdest=None,
        workdir=None,
        maxsize=None,
        blocksize=16 * 1024,
        mode=None,
        **buildstep_kwargs,
    ):
        _needs_two(mastersrc, workerdest)
        super().__init__(workdir=workdir, **buildstep_kwargs)
        self.mastersrc = mastersrc
        self.workerdest = workerdest
        self.maxsize = maxsize
        self.blocksize = blocksize
        _check_mode(mode)
        self.mode = mode

    @runtime.native
    def run(self):
        """Copies the file."""


class StringDownload(_TransferBuildStep):
    """Writes a text into a file of the worker."""

    name = "string_download"
    renderables = ["workerdest", "s"]

    @recorded
    def __init__(
        self,
        s,
        workerdest=None,
        workdir=None,
        maxsize=None,
        blocksize=16 * 1024,
        mode=None,
        **buildstep_kwargs,
    ):
        _needs_two(s if s is not None else "", workerdest)
        super().__init__(workdir=workdir, **buildstep_kwargs)
        self.s = s
        self.workerdest = workerdest
        self.maxsize = maxsize
        self.blocksize = blocksize
        if not isinstance(mode, (int, type(None))):
            config_error(f"StringDownload step's mode must be an integer or None, got '{mode}'")
        self.mode = mode

    @runtime.native
    def run(self):
        """Writes it."""


class JSONStringDownload(StringDownload):
    """Writes a value as JSON into a file of the worker."""

    name = "json_download"

    @recorded
    def __init__(self, o, workerdest=None, **buildstep_kwargs):
        _needs_two("", workerdest)
        buildstep_kwargs.pop("s", None)
        super().__init__(s=o, workerdest=workerdest, **buildstep_kwargs)

    @runtime.native
    def run(self):
        """Writes it."""


class JSONPropertiesDownload(StringDownload):
    """Writes the build's properties and source stamps as JSON into a file of the worker."""

    name = "json_properties_download"

    @recorded
    def __init__(self, workerdest=None, **buildstep_kwargs):
        if workerdest is None:
            raise TypeError("__init__() takes at least 2 arguments")
        buildstep_kwargs.pop("s", None)
        super().__init__(s=None, workerdest=workerdest, **buildstep_kwargs)

    @runtime.native
    def run(self):
        """Writes it."""
