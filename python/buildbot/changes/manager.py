"""Holds the change sources."""

from buildbot._host.elsewhere import elsewhere
from buildbot.util.service import BuildbotServiceManager

__getattr__ = elsewhere(__name__, "MeasuredBuildbotServiceManager")


class ChangeManager(BuildbotServiceManager):
    name = "ChangeManager"
    managed_services_name = "changesources"
    config_attr = "change_sources"
