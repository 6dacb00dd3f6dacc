"""Secrets in the password store `pass`."""

from __future__ import annotations

import os

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.secrets.providers.base import SecretProviderBase
from buildbot.util.service import settled

__getattr__ = elsewhere(__name__, "defer runprocess")


class SecretInPass(SecretProviderBase):
    """Asks the command `pass`."""

    name = "SecretInPass"

    def checkPassIsInPath(self):
        folders = os.environ["PATH"].split(":")
        if not any((os.path.isfile(os.path.join(folder, "pass"))) for folder in folders):
            config.error("pass does not exist in PATH")

    def checkPassDirectoryIsAvailableAndReadable(self, dirname):
        if not os.access(dirname, os.F_OK):
            config.error(f"directory {dirname} does not exist")

    @recorded
    def checkConfig(self, gpgPassphrase=None, dirname=None):
        self.checkPassIsInPath()
        if dirname:
            self.checkPassDirectoryIsAvailableAndReadable(dirname)

    def reconfigService(self, gpgPassphrase=None, dirname=None):
        self._env = {**os.environ}
        if gpgPassphrase:
            self._env["PASSWORD_STORE_GPG_OPTS"] = f"--passphrase {gpgPassphrase}"
        if dirname:
            self._env["PASSWORD_STORE_DIR"] = dirname
        return settled()

    @by_master
    def get(self, entry): ...
