"""The base of reporters: what all of them check, and what subclasses of users override."""

from __future__ import annotations

import abc

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.util import service

__getattr__ = elsewhere(__name__, "defer log tuplematch")

ENCODING = "utf-8"


class ReporterBase(service.BuildbotService):
    """Asks its generators for reports about what happened and sends them with `sendMessage`."""

    name = None
    __meta__ = abc.ABCMeta
    compare_attrs = ["generators"]

    def __init__(self, *args, **kwargs):
        self.generators = None
        self._event_consumers = {}
        self._pending_got_event_calls = {}
        super().__init__(*args, **kwargs)

    @recorded
    def checkConfig(self, generators):
        if not isinstance(generators, list):
            # the braces are 4.3.0's: its text never gets the name of the class
            config.error("{}: generators argument must be a list")
        if not type(self).__module__.startswith("buildbot."):
            # the class may have generators of its own by default
            self._given.setdefault("generators", generators)
        for generator in generators:
            generator.check()
        if self.name is None:
            self.name = self.__class__.__name__
            for generator in generators:
                self.name += "_" + generator.generate_name()

    def reconfigService(self, generators):
        self.generators = generators
        return service.settled()

    @by_master
    def stopService(self): ...

    def _does_generator_want_key(self, generator, key):
        from buildbot.util.tuplematch import matchTuple

        return any(matchTuple(key, wanted) for wanted in generator.wanted_event_keys)

    def _get_chain_key_for_event(self, key, msg):
        """Events with the same answer are handled one after the other."""
        if key[0] in ("builds", "buildrequests"):
            return ("buildrequestid", msg["buildrequestid"])
        return None

    @by_master
    def _got_event(self, key, msg): ...

    def getResponsibleUsersForBuild(self, master, buildid):
        from buildbot.reporters import utils

        return utils.getResponsibleUsersForBuild(master, buildid)

    @abc.abstractmethod
    def sendMessage(self, reports):
        pass
