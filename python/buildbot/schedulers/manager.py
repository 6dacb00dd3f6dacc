"""Holds the schedulers."""

from buildbot._host.elsewhere import elsewhere
from buildbot.util.service import BuildbotServiceManager

__getattr__ = elsewhere(__name__, "MeasuredBuildbotServiceManager")


class SchedulerManager(BuildbotServiceManager):
    name = "SchedulerManager"
    managed_services_name = "schedulers"
    config_attr = "schedulers"
