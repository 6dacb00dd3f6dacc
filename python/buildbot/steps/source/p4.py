"""The step for Perforce."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process.properties import Interpolate
from buildbot.process.properties import _is_renderable as is_renderable
from buildbot.steps.source.base import Source

__all__ = ["Interpolate", "P4", "Source"]

__getattr__ = elsewhere(
    __name__,
    "WorkerSetupError buildstep config defer interfaces log remotecommand results",
)


class P4(Source):
    """Fetches from a Perforce depot."""

    name = "p4"
    renderables = [
        "mode",
        "p4base",
        "p4client",
        "p4viewspec",
        "p4branch",
        "p4passwd",
        "p4port",
        "p4user",
    ]
    possible_modes = ("incremental", "full")
    possible_client_types = (None, "readonly", "partitioned")

    @recorded
    def __init__(
        self,
        mode="incremental",
        method=None,
        p4base=None,
        p4branch=None,
        p4port=None,
        p4user=None,
        p4passwd=None,
        p4extra_views=(),
        p4line_end="local",
        p4viewspec=None,
        p4viewspec_suffix="...",
        p4client=None,
        p4client_spec_options="allwrite rmdir",
        p4client_type=None,
        p4extra_args=None,
        p4bin="p4",
        use_tickets=False,
        stream=False,
        debug=False,
        **kwargs,
    ):
        self.method = method
        self.mode = mode
        self.p4branch = p4branch
        self.p4bin = p4bin
        self.p4base = p4base
        self.p4port = p4port
        self.p4user = p4user
        self.p4passwd = p4passwd
        self.p4extra_views = p4extra_views
        self.p4viewspec = p4viewspec
        self.p4viewspec_suffix = p4viewspec_suffix
        self.p4line_end = p4line_end
        if p4client is None:
            p4client = Interpolate("buildbot_%(prop:workername)s_%(prop:buildername)s")
        self.p4client = p4client
        self.p4client_spec_options = p4client_spec_options
        self.p4client_type = p4client_type
        self.p4extra_args = p4extra_args
        self.use_tickets = use_tickets
        self.stream = stream
        self.debug = debug
        super().__init__(**kwargs)
        self._check()

    def _check(self):
        if self.mode not in self.possible_modes and not is_renderable(self.mode):
            config_error(f"mode {self.mode} is not an IRenderable, or one of {self.possible_modes}")
        if not self.p4viewspec and self.p4base is None:
            config_error("You must provide p4base or p4viewspec")
        if self.p4viewspec and (self.p4base or self.p4branch or self.p4extra_views):
            config_error(
                "Either provide p4viewspec or p4base and p4branch (and optionally p4extra_views)"
            )
        if self.p4viewspec and isinstance(self.p4viewspec, str):
            config_error(
                "p4viewspec must not be a string, and should be a sequence of 2 element sequences"
            )
        base = self.p4base
        if not is_renderable(base) and base:
            if not base.startswith("/"):
                config_error(f"p4base should start with // [p4base = {base}]")
            if base.endswith("/"):
                config_error(f"p4base should not end with a trailing / [p4base = {base}]")
        branch = self.p4branch
        if not is_renderable(branch) and branch and branch.endswith("/"):
            config_error(f"p4branch should not end with a trailing / [p4branch = {branch}]")
        if self.p4client_type not in self.possible_client_types:
            if not is_renderable(self.p4client_type):
                # The braces are in the text that users know.
                config_error(
                    f"p4client_type {self.p4client_type} is not an IRenderable, "
                    "or one of {self.possible_client_types}"
                )
        if self.stream:
            self._check_stream()

    def _check_stream(self):
        if self.p4extra_views or self.p4viewspec:
            config_error("You can't use p4extra_views not p4viewspec with stream")
        if not self.p4base or not self.p4branch:
            config_error("You must specify both p4base and p4branch when using stream")
        if is_renderable(self.p4base) or is_renderable(self.p4branch):
            return
        for name in ("p4base", "p4branch"):
            if " " in getattr(self, name):
                config_error(f"{name} must not contain any whitespace")

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""

    @runtime.native
    def mode_full(self):
        """Removes all and syncs."""

    @runtime.native
    def mode_incremental(self):
        """Syncs."""

    def _buildVCCommand(self, doCommand):
        """The words of a command, with server, user and client in front."""
        assert doCommand, "No command specified"
        command = [self.p4bin]
        if self.p4port:
            command += ["-p", self.p4port]
        if self.p4user:
            command += ["-u", self.p4user]
        if not self.use_tickets and self.p4passwd:
            command += ["-P", ("obfuscated", self.p4passwd, "XXXXXX")]
        if self.p4client:
            command += ["-c", self.p4client]
        if doCommand[0] == "sync" and self.p4extra_args:
            command += self.p4extra_args
        return command + doCommand

    @runtime.native
    def _dovccmd(self, command, collectStdout=False, initialStdin=None):
        """Runs p4 on the worker."""

    def _getMethod(self):
        if self.method is not None and self.mode != "incremental":
            return self.method
        if self.mode == "incremental":
            return None
        return "fresh" if self.mode == "full" else None

    @runtime.native
    def _createClientSpec(self):
        """Makes the client."""

    @runtime.native
    def _acquireTicket(self):
        """Logs in."""

    @runtime.native
    def get_sync_revision(self, revision=None):
        """The number of the change to sync to."""

    @runtime.native
    def purge(self, ignore_ignores):
        """Removes files that are not of the depot."""

    @runtime.native
    def checkP4(self):
        """Whether the worker has p4."""

    def computeSourceRevision(self, changes):
        """The highest revision of the changes."""
        if not changes or None in [change.revision for change in changes]:
            return None
        return max(int(change.revision) for change in changes)
