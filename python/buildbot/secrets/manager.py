"""Asks the providers for secrets, one after the other."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot.secrets.secret import SecretDetails
from buildbot.util import service
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "SecretProviderBase defer")


class SecretManager(service.BuildbotServiceManager):
    """Holds the providers of the configuration."""

    name = "secrets"
    config_attr = "secretsProviders"

    @by_master
    def setup(self): ...

    @async_to_deferred
    async def get(self, secret, *args, **kwargs):
        """What the first provider that knows the secret says; None if nobody does."""
        for provider in self.services:
            value = await any_to_async(provider.get(secret))
            if value is not None:
                return SecretDetails(provider.__class__.__name__, secret, value)
        return None
