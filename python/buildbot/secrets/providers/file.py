"""Secrets in the files of a folder."""

from __future__ import annotations

import os
import stat

from buildbot import config
from buildbot._host.record import recorded
from buildbot.secrets.providers.base import SecretProviderBase
from buildbot.util.service import settled


class SecretInAFile(SecretProviderBase):
    """Each file is a secret of its name, without the suffix."""

    name = "SecretInAFile"

    def checkFileIsReadOnly(self, dirname, secretfile):
        """Reports a file that others than its owner may use."""
        mode = stat.S_IMODE(os.stat(os.path.join(dirname, secretfile)).st_mode)
        if mode & 0o77 and os.name == "posix":
            config.error(
                f"Permissions {oct(mode)} on file {secretfile} are too open. "
                "It is required that your secret files are NOT accessible by others!"
            )

    def checkSecretDirectoryIsAvailableAndReadable(self, dirname, suffixes):
        if not os.access(dirname, os.F_OK):
            config.error(f"directory {dirname} does not exists")
        for name in os.listdir(dirname):
            if any(name.endswith(suffix) for suffix in suffixes):
                self.checkFileIsReadOnly(dirname, name)

    def loadSecrets(self, dirname, suffixes, strip):
        """All secrets of the folder by name."""
        secrets = {}
        for name in os.listdir(dirname):
            suffix = next((one for one in suffixes if name.endswith(one)), None)
            if suffix is None:
                continue
            with open(os.path.join(dirname, name), encoding="utf-8") as file:
                value = file.read()
            secrets[name[: len(name) - len(suffix)]] = value.rstrip("\r\n") if strip else value
        return secrets

    @recorded
    def checkConfig(self, dirname, suffixes=None, strip=True):
        self._dirname = dirname
        self.checkSecretDirectoryIsAvailableAndReadable(
            dirname, suffixes=[""] if suffixes is None else suffixes
        )

    def reconfigService(self, dirname, suffixes=None, strip=True):
        self._dirname = dirname
        self.secrets = self.loadSecrets(dirname, [""] if suffixes is None else suffixes, strip)
        return settled()

    def get(self, entry):
        return self.secrets.get(entry)
