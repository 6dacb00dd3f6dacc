"""Holds the machines."""

from buildbot._host.elsewhere import elsewhere
from buildbot.util.service import BuildbotServiceManager

__getattr__ = elsewhere(__name__, "service")


class MachineManager(BuildbotServiceManager):
    name = "MachineManager"
    managed_services_name = "machines"
    config_attr = "machines"

    @property
    def machines(self):
        return self.namedServices

    def getMachineByName(self, name):
        return self.machines.get(name)
