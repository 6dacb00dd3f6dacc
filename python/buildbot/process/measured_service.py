"""A manager of services that counts them."""

from __future__ import annotations

from buildbot.util.service import BuildbotServiceManager

__all__ = ["BuildbotServiceManager", "MeasuredBuildbotServiceManager"]


class MeasuredBuildbotServiceManager(BuildbotServiceManager):
    """The master measures by itself; this is the name."""

    managed_services_name = "services"

    def reconfigServiceWithBuildbotConfig(self, new_config):
        return super().reconfigServiceWithBuildbotConfig(new_config)
