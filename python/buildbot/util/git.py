"""What steps and pollers of git share: versions of git, and how it gets its keys."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.compare import ComparableMixin
from buildbot._host.elsewhere import elsewhere
from buildbot.config.errors import error as config_error

__getattr__ = elsewhere(
    __name__,
    "CompositeStepMixin Properties async_to_deferred buildstep bytes2unicode config defer "
    "log remotecommand writeLocalFile",
)

RC_SUCCESS = 0


# Ssh


def getSshArgsForKeys(keyPath, knownHostsPath):
    args = ["-o", "BatchMode=yes"]
    if keyPath is not None:
        args += ["-i", keyPath]
    if knownHostsPath is not None:
        args += ["-o", f"UserKnownHostsFile={knownHostsPath}"]
    return args


def escapeShellArgIfNeeded(arg):
    if re.fullmatch(r"[a-zA-Z0-9_-]+", arg):
        return arg
    return f'"{arg}"'


def getSshCommand(keyPath, knownHostsPath):
    words = ["ssh", *getSshArgsForKeys(keyPath, knownHostsPath)]
    return " ".join(map(escapeShellArgIfNeeded, words))


def scp_style_to_url_syntax(address, port=22, scheme="ssh"):
    """`host:path` as an address with scheme and port; anything else as it is."""
    if "://" in address or ":" not in address or ":\\" in address:
        return address
    host, path = address.split(":")
    return f"{scheme}://{host}:{port}/{path}"


def check_ssh_config(logname, ssh_private_key, ssh_host_key, ssh_known_hosts):
    """Reports ssh arguments that make no sense together."""
    for value, name in ((ssh_host_key, "sshHostKey"), (ssh_known_hosts, "sshKnownHosts")):
        if value is not None and ssh_private_key is None:
            config_error(f"{logname}: sshPrivateKey must be provided in order use {name}")
    if ssh_host_key is not None and ssh_known_hosts is not None:
        config_error(f"{logname}: only one of sshKnownHosts and sshHostKey can be provided")


def getSshWrapperScriptContents(keyPath, knownHostsPath=None):
    return f'#!/bin/sh\n{getSshCommand(keyPath, knownHostsPath)} "$@"\n'


def getSshKnownHostsContents(hostKey):
    """A file of known hosts in which every host has this key."""
    return f"* {hostKey}"


def ensureSshKeyNewline(privateKey):
    """Keys without a newline at their end are refused by ssh."""
    if privateKey.endswith(("\n", "\r")):
        return privateKey
    return privateKey + "\n"


# Versions of git

# Attribute → version of git that can do it first.
_FEATURES = {
    "supportsBranch": (1, 6, 5),
    "supportsProgress": (1, 7, 2),
    "supportsSubmoduleForce": (1, 7, 6),
    "supportsSubmoduleCheckout": (1, 7, 8),
    "supportsSshPrivateKeyAsEnvOption": (2, 3),
    "supportsSshPrivateKeyAsConfigOption": (2, 10),
    "supportsFilters": (2, 27),
    "supports_lsremote_symref": (2, 8),
    "supports_credential_store": (1, 7, 9),
}


class GitMixin:
    """Knows what the git that is used can do."""

    def setupGit(self):
        self.gitInstalled = False
        for feature in _FEATURES:
            setattr(self, feature, False)

    def parseGitFeatures(self, version_stdout):
        found = re.match(r"git version ([0-9]+(?:\.[0-9]+)*)", version_stdout)
        if found is None:
            return
        version = tuple(map(int, found.group(1).split(".")))
        self.gitInstalled = True
        for feature, since in _FEATURES.items():
            if version >= since:
                setattr(self, feature, True)

    def adjustCommandParamsForSshPrivateKey(
        self, command, env, keyPath, sshWrapperPath=None, knownHostsPath=None
    ):
        """Makes git use the key, in the way that its version knows."""
        ssh_command = getSshCommand(keyPath, knownHostsPath)
        if self.supportsSshPrivateKeyAsConfigOption:
            command += ["-c", f"core.sshCommand={ssh_command}"]
        elif self.supportsSshPrivateKeyAsEnvOption:
            env["GIT_SSH_COMMAND"] = ssh_command
        else:
            if sshWrapperPath is None:
                raise RuntimeError("Only SSH wrapper script is supported but path not given")
            env["GIT_SSH"] = sshWrapperPath


class GitStepMixin(GitMixin):
    """For steps that run git."""

    _git_auth = None

    def setupGitStep(self):
        self.setupGit()
        if not self.repourl:
            config_error("Git: must provide repourl.")
        if not hasattr(self, "port"):
            self.port = None

    def setup_repourl(self):
        self.repourl = scp_style_to_url_syntax(self.repourl, self.port)

    def setup_git_auth(
        self, ssh_private_key, ssh_host_key, ssh_known_hosts, git_credential_options=None
    ):
        self._git_auth = GitStepAuth(
            self, ssh_private_key, ssh_host_key, ssh_known_hosts, git_credential_options
        )

    def _get_auth_data_workdir(self):
        raise NotImplementedError

    @runtime.native
    def _dovccmd(self, command, abandonOnFailure=True, collectStdout=False, initialStdin=None):
        """Runs git on the worker."""

    @runtime.native
    def checkFeatureSupport(self):
        """Asks the worker's git for its version."""


# Authentication

_COMMANDS_WITH_AUTH = ("clone", "credential", "checkout", "fetch", "ls-remote", "push", "submodule")


class AbstractGitAuth(ComparableMixin):
    """Gives keys and credentials to git."""

    compare_attrs = (
        "ssh_private_key",
        "ssh_host_key",
        "ssh_known_hosts",
        "git_credential_options",
    )

    def __init__(
        self,
        ssh_private_key=None,
        ssh_host_key=None,
        ssh_known_hosts=None,
        git_credential_options=None,
    ):
        self.did_download_auth_files = False
        check_ssh_config("Git", ssh_private_key, ssh_host_key, ssh_known_hosts)
        self.ssh_private_key = ssh_private_key
        self.ssh_host_key = ssh_host_key
        self.ssh_known_hosts = ssh_known_hosts
        self.git_credential_options = git_credential_options

    @property
    def is_auth_needed(self):
        return self.ssh_private_key is not None or self.git_credential_options is not None

    def is_auth_needed_for_git_command(self, git_command):
        return self.is_auth_needed and git_command in _COMMANDS_WITH_AUTH

    @property
    def _path_module(self):
        raise NotImplementedError

    @property
    def _master(self):
        raise NotImplementedError

    def _get_ssh_private_key_path(self, ssh_data_path):
        return self._path_module.join(ssh_data_path, "ssh-key")

    def _get_ssh_host_key_path(self, ssh_data_path):
        return self._path_module.join(ssh_data_path, "ssh-known-hosts")

    def _get_ssh_wrapper_script_path(self, ssh_data_path):
        return self._path_module.join(ssh_data_path, "ssh-wrapper.sh")

    def _get_credential_store_file_path(self, ssh_data_path):
        return self._path_module.join(ssh_data_path, ".git-credentials")

    def _adjust_command_params_for_ssh_private_key(
        self, full_command, full_env, workdir, git_mixin
    ):
        known_hosts = None
        if self.ssh_host_key is not None or self.ssh_known_hosts is not None:
            known_hosts = self._get_ssh_host_key_path(workdir)
        git_mixin.adjustCommandParamsForSshPrivateKey(
            full_command,
            full_env,
            self._get_ssh_private_key_path(workdir),
            self._get_ssh_wrapper_script_path(workdir),
            known_hosts,
        )

    def _adjust_command_params_for_credential_store(self, full_command, workdir, git_mixin):
        if not git_mixin.supports_credential_store:
            raise RuntimeError("git credential-store is not supported")
        store = self._get_credential_store_file_path(workdir)
        # An empty helper first forgets those of the system.
        full_command += ["-c", "credential.helper="]
        full_command += ["-c", f'credential.helper=store "--file={store}"']
        if self.git_credential_options.use_http_path is not None:
            use = "true" if self.git_credential_options.use_http_path else "false"
            full_command += ["-c", f"credential.useHttpPath={use}"]

    def adjust_git_command_params_for_auth(self, full_command, full_env, workdir, git_mixin):
        if self.ssh_private_key is not None:
            self._adjust_command_params_for_ssh_private_key(
                full_command, full_env, workdir, git_mixin
            )
        if self.git_credential_options is not None:
            self._adjust_command_params_for_credential_store(full_command, workdir, git_mixin)

    def _dovccmd(self, command, initial_stdin=None, workdir=None):
        raise NotImplementedError

    def _download_file(self, path, content, mode, workdir=None):
        raise NotImplementedError

    @runtime.native
    def _download_ssh_files(
        self, private_key, host_key, known_hosts, workdir, download_wrapper_script=False
    ):
        """Writes the key and what belongs to it."""

    @runtime.native
    def _download_credentials(self, credentials, workdir):
        """Gives the credentials to git's store."""

    @runtime.native
    def download_auth_files_if_needed(self, workdir, download_wrapper_script=False):
        """Writes the files that git needs for authentication."""

    @runtime.native
    def remove_auth_files_if_needed(self, workdir):
        """Removes them again."""


class GitStepAuth(AbstractGitAuth):
    """Authentication of a step: the files are on the worker."""

    def __init__(
        self,
        step,
        ssh_private_key=None,
        ssh_host_key=None,
        ssh_known_hosts=None,
        git_credential_options=None,
    ):
        self.step = step
        super().__init__(ssh_private_key, ssh_host_key, ssh_known_hosts, git_credential_options)

    @property
    def _session(self):
        return self.step._session

    def _get_auth_data_path(self, data_workdir):
        """The directory of the files: beside the working directory, not inside."""
        path = self._path_cls(data_workdir)
        builder = self.step.build.builder.config.workerbuilddir
        name = f".{builder}.{path.name}.buildbot"
        if path.is_absolute():
            return str(path.parent / name)
        return str(self._path_cls(self.step.worker.worker_basedir) / path.parent / name)

    def adjust_git_command_params_for_auth(self, full_command, full_env, workdir, git_mixin):
        super().adjust_git_command_params_for_auth(
            full_command, full_env, self._get_auth_data_path(workdir), git_mixin
        )

    @property
    def _path_module(self):
        return self.step.build.path_module

    @property
    def _path_cls(self):
        return self.step.build.path_cls

    @property
    def _master(self):
        return self.step.master

    @runtime.native
    def _download_file(self, path, content, mode, workdir=None):
        """Writes a file on the worker."""

    def _dovccmd(self, command, initial_stdin=None, workdir=None):
        return self.step._dovccmd(command, initialStdin=initial_stdin)

    @runtime.native
    def download_auth_files_if_needed(self, workdir, download_wrapper_script=False):
        """Writes the files on the worker."""

    @runtime.native
    def remove_auth_files_if_needed(self, workdir):
        """Removes them again."""


class GitServiceAuth(AbstractGitAuth):
    """Authentication of a poller: the files are on the master."""

    def __init__(
        self,
        service,
        ssh_private_key=None,
        ssh_host_key=None,
        ssh_known_hosts=None,
        git_credential_options=None,
    ):
        self._service = service
        super().__init__(ssh_private_key, ssh_host_key, ssh_known_hosts, git_credential_options)

    @property
    def _path_module(self):
        import os.path

        return os.path

    @property
    def _master(self):
        return self._service.master

    @runtime.native
    def _dovccmd(self, command, initial_stdin=None, workdir=None):
        """Runs git on the master."""

    @runtime.native
    def _download_file(self, path, content, mode, workdir=None):
        """Writes a file on the master."""

    @runtime.native
    def remove_auth_files_if_needed(self, workdir):
        """Removes the files again."""
