"""Holds the change sources."""

from buildbot.util.service import BuildbotServiceManager


class ChangeManager(BuildbotServiceManager):
    name = "ChangeManager"
    managed_services_name = "changesources"
    config_attr = "change_sources"
