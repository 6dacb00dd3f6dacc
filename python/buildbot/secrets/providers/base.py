"""The base of providers of secrets."""

from __future__ import annotations

import abc

from buildbot.util.service import BuildbotService


class SecretProviderBase(BuildbotService):
    """Knows secrets: override `get`."""

    @abc.abstractmethod
    def get(self, *args, **kwargs):
        """The value of a secret, or None; now or as a Deferred."""
