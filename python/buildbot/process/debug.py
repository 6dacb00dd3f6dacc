"""Services for looking into a running master."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer service")


class DebugServices:
    """Holds the manhole; the master runs it."""

    name = "debug_services"

    def __init__(self):
        self.debug_port = None
        self.debug_password = None
        self.debug_registration = None
        self.manhole = None

    def reconfigServiceWithBuildbotConfig(self, new_config):
        self.manhole = new_config.manhole

    def stopService(self):
        """The master stops by itself."""
