"""Holds the schedulers."""

from buildbot.util.service import BuildbotServiceManager


class SchedulerManager(BuildbotServiceManager):
    name = "SchedulerManager"
    managed_services_name = "schedulers"
    config_attr = "schedulers"
