"""Configurators: they add to a configuration after its file was executed."""

from __future__ import annotations

from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded

__getattr__ = elsewhere(__name__, "IConfigurator implementer")


@provides("IConfigurator")
class ConfiguratorBase(Described):
    """A subclass extends `configure`, which finds the lists of the configuration as attributes."""

    @recorded
    def __init__(self):
        pass

    def configure(self, config_dict):
        self.config_dict = config_dict
        self.schedulers = config_dict.setdefault("schedulers", [])
        self.protocols = config_dict.setdefault("protocols", {})
        self.builders = config_dict.setdefault("builders", [])
        self.workers = config_dict.setdefault("workers", [])
        self.projects = config_dict.setdefault("projects", [])
        self.secretsProviders = config_dict.setdefault("secretsProviders", [])
        self.www = config_dict.setdefault("www", {})
