"""A manager of services that counts them."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.util.service import BuildbotServiceManager

__getattr__ = elsewhere(__name__, "defer metrics")

__all__ = ["BuildbotServiceManager", "MeasuredBuildbotServiceManager"]


class MeasuredBuildbotServiceManager(BuildbotServiceManager):
    """The master measures by itself; this is the name."""

    managed_services_name = "services"

    def reconfigServiceWithBuildbotConfig(self, new_config):
        return super().reconfigServiceWithBuildbotConfig(new_config)
