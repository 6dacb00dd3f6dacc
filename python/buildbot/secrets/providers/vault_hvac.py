"""Secrets in HashiCorp's Vault."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.secrets.providers.base import SecretProviderBase

__getattr__ = elsewhere(__name__, "defer threads")


class VaultAuthenticator(Described):
    """Logs a client of Vault in: override `authenticate`."""

    def authenticate(self, client):
        pass


class VaultAuthenticatorToken(VaultAuthenticator):
    """Logs in with a token."""

    @recorded
    def __init__(self, token):
        self.token = token

    def authenticate(self, client):
        client.token = self.token


class VaultAuthenticatorApprole(VaultAuthenticator):
    """Logs in with a role and its secret."""

    @recorded
    def __init__(self, roleId, secretId):
        self.roleId = roleId
        self.secretId = secretId

    def authenticate(self, client):
        client.auth.approle.login(role_id=self.roleId, secret_id=self.secretId)


def _hvac_is_there():
    import importlib.util

    return importlib.util.find_spec("hvac") is not None


class HashiCorpVaultKvSecretProvider(SecretProviderBase):
    """Secrets of the kv engine: `path|attribute`."""

    name = "SecretInVaultKv"

    @recorded
    def checkConfig(
        self,
        vault_server=None,
        authenticator=None,
        secrets_mount=None,
        api_version=2,
        path_delimiter="|",
        path_escape="\\",
    ):
        if not _hvac_is_there():
            config.error(
                f"{self.__class__.__name__} needs the hvac package installed (pip install hvac)"
            )
        if not isinstance(vault_server, str):
            config.error(f"vault_server must be a string while it is {type(vault_server)}")
        for name, value in (("path_delimiter", path_delimiter), ("path_escape", path_escape)):
            if not isinstance(value, str) or len(value) > 1:
                config.error(f"{name} must be a single character")
        if not isinstance(authenticator, VaultAuthenticator):
            config.error(
                "authenticator must be instance of VaultAuthenticator while it is "
                f"{type(authenticator)}"
            )
        if api_version not in (1, 2):
            config.error(f"api_version {api_version} is not supported")

    def reconfigService(
        self,
        vault_server=None,
        authenticator=None,
        secrets_mount=None,
        api_version=2,
        path_delimiter="|",
        path_escape="\\",
    ):
        from buildbot.util.service import settled

        self.vault_server = vault_server
        self.authenticator = authenticator
        self.secrets_mount = "secret" if secrets_mount is None else secrets_mount
        self.api_version = api_version
        self.path_delimiter = path_delimiter
        self.path_escape = path_escape
        return settled()

    def escaped_split(self, s):
        """A name cut at the delimiters that are not escaped."""
        parts, current = [], ""
        characters = iter(s)
        for character in characters:
            if character == self.path_delimiter:
                parts.append(current)
                current = ""
            elif character == self.path_escape:
                current += next(characters, self.path_escape)
            else:
                current += character
        return [*parts, current]

    @by_master
    def thd_hvac_wrap_read(self, path): ...

    @by_master
    def thd_hvac_get(self, path): ...

    @by_master
    def get(self, entry): ...
