"""Finds changes by looking at a Git repository."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base
from buildbot.config.errors import error as config_error
from buildbot.util.state import StateMixin

__getattr__ = elsewhere(
    __name__,
    "Codebase GitCredentialOptions GitMixin GitServiceAuth "
    "add_user_password_to_credentials async_to_deferred bytes2unicode check_ssh_config "
    "config defer giturlparse log private_tempdir runprocess unicode2bytes",
)


class GitError(Exception):
    """Git failed."""


def _is_list_of_str(value):
    return isinstance(value, list) and all(isinstance(element, str) for element in value)


@with_private(
    "_checkGitFeatures",
    "_get_commit_parent_hashes",
    "_get_refs",
    "_list_remote_refs",
    "_removeHeads",
    "_resolve_head_ref",
    "_tracker_ref",
    "_trim_prefix",
)
class GitPoller(base.ReconfigurablePollingChangeSource, StateMixin):
    """Fetches branches of a remote repository and adds their new commits."""

    compare_attrs = (
        "repourl",
        "branches",
        "workdir",
        "pollInterval",
        "gitbin",
        "usetimestamps",
        "category",
        "codebase",
        "project",
        "pollAtLaunch",
        "buildPushesWithNoCommits",
        "pollRandomDelayMin",
        "pollRandomDelayMax",
        "_git_auth",
    )

    def __init__(self, repourl: str, **kwargs):
        if kwargs.get("name") is None:
            kwargs["name"] = repourl
        super().__init__(repourl, **kwargs)
        self.lastRev = None

    @recorded
    def checkConfig(
        self,
        repourl: str,
        branches=None,
        branch: str | None = None,
        workdir: str | None = None,
        pollInterval: int = 10 * 60,
        gitbin: str = "git",
        usetimestamps: bool = True,
        category=None,
        codebase=None,
        project: str | None = None,
        fetch_refspec: str | None = None,
        encoding: str = "utf-8",
        name: str | None = None,
        pollAtLaunch: bool = False,
        buildPushesWithNoCommits: bool = False,
        only_tags: bool = False,
        sshPrivateKey: str | None = None,
        sshHostKey: str | None = None,
        sshKnownHosts: str | None = None,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
        auth_credentials=None,
        git_credentials=None,
    ):
        if only_tags and (branch or branches):
            config_error("GitPoller: can't specify only_tags and branch/branches")
        if branch and branches:
            config_error("GitPoller: can't specify both branch and branches")
        if branch is not None and not isinstance(branch, str):
            config_error("GitPoller: 'branch' argument must be a str")
        if (
            branches is not None
            and branches is not True
            and not _is_list_of_str(branches)
            and not callable(branches)
        ):
            config_error(
                "GitPoller: 'branches' argument must be one of list of str, True, or "
                "Callable[[str], bool]"
            )
        self._check_ssh(sshPrivateKey, sshHostKey, sshKnownHosts)
        if fetch_refspec is not None:
            config_error(
                "GitPoller: fetch_refspec is no longer supported. Instead, only the given "
                "branches are downloaded."
            )
        if codebase is not None:
            from buildbot.process.codebase import Codebase

            if not isinstance(codebase, Codebase):
                config_error(
                    f"{type(self).__name__}: codebase must be None or instance of Codebase"
                )
        super().checkConfig(
            name=name,
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
            pollRandomDelayMin=pollRandomDelayMin,
            pollRandomDelayMax=pollRandomDelayMax,
        )

    def _check_ssh(self, private_key, host_key, known_hosts):
        whose = "GitPoller"
        if host_key is not None and private_key is None:
            config_error(f"{whose}: sshPrivateKey must be provided in order use sshHostKey")
        if known_hosts is not None and private_key is None:
            config_error(f"{whose}: sshPrivateKey must be provided in order use sshKnownHosts")
        if host_key is not None and known_hosts is not None:
            config_error(f"{whose}: only one of sshKnownHosts and sshHostKey can be provided")

    def reconfigService(
        self,
        repourl: str,
        branches=None,
        branch: str | None = None,
        workdir: str | None = None,
        pollInterval: int = 10 * 60,
        gitbin: str = "git",
        usetimestamps: bool = True,
        category=None,
        codebase=None,
        project: str | None = None,
        fetch_refspec: str | None = None,
        encoding: str = "utf-8",
        name: str | None = None,
        pollAtLaunch: bool = False,
        buildPushesWithNoCommits: bool = False,
        only_tags: bool = False,
        sshPrivateKey: str | None = None,
        sshHostKey: str | None = None,
        sshKnownHosts: str | None = None,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
        auth_credentials=None,
        git_credentials=None,
    ):
        if only_tags:
            branches = _is_tag
        elif branch:
            branches = [branch]
        self.repourl = repourl
        self.branches = branches
        self.workdir = "gitpoller-work" if workdir is None else workdir
        self.gitbin = gitbin
        self.usetimestamps = usetimestamps
        self.category = category
        self.codebase = codebase
        self.project = project or ""
        self.encoding = encoding
        self.buildPushesWithNoCommits = buildPushesWithNoCommits
        return super().reconfigService(
            name=name,
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
            pollRandomDelayMin=pollRandomDelayMin,
            pollRandomDelayMax=pollRandomDelayMax,
        )

    def describe(self):
        text = f"GitPoller watching the remote git repository {self.repourl}"
        if self.branches:
            if self.branches is True:
                text += ", branches: ALL"
            elif not callable(self.branches):
                text += f", branches: {', '.join(self.branches)}"
        return text if self.active else f"{text} [STOPPED - check log]"

    @by_master
    def activate(self): ...

    @by_master
    def poll_should_exit(self): ...

    @by_master
    def poll(self): ...

    # Subclasses replace these to say more, or other things, about a commit.

    @by_master
    def _get_commit_comments(self, rev): ...

    @by_master
    def _get_commit_timestamp(self, rev): ...

    @by_master
    def _get_commit_files(self, rev): ...

    @by_master
    def _get_commit_author(self, rev): ...

    @by_master
    def _get_commit_committer(self, rev): ...

    @by_master
    def _process_changes(self, newRev, branch): ...

    @by_master
    def _dovccmd(self, command, args, path=None, auth_files_path=None, initial_stdin=None): ...


def _is_tag(ref):
    return ref.startswith("refs/tags/")
