"""Holds the managers of users."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer util_service")


class UserManagerManager:
    """The master runs the managers of its configuration by itself."""

    name = "user_manager_manager"

    def __init__(self, master):
        self.master = master

    def reconfigServiceWithBuildbotConfig(self, new_config):
        """The master takes a new configuration over by itself."""
