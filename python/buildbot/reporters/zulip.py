"""Build events sent to Zulip."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import BuildStartEndStatusGenerator
from buildbot.util.twisted import async_to_deferred

__getattr__ = elsewhere(__name__, "defer httpclientservice")


class ZulipStatusPush(ReporterBase):
    """Tells Zulip's integration when builds start and end."""

    name = "ZulipStatusPush"

    @recorded
    def checkConfig(self, endpoint, token, stream=None, debug=None, verify=None):
        if not isinstance(endpoint, str):
            config.error("Endpoint must be a string")
        if not isinstance(token, str):
            config.error("Token must be a string")
        super().checkConfig(generators=[BuildStartEndStatusGenerator()])

    @async_to_deferred
    async def reconfigService(self, endpoint, token, stream=None, debug=None, verify=None):
        from buildbot.util import httpclientservice

        self.debug = debug
        self.verify = verify
        await super().reconfigService(generators=[BuildStartEndStatusGenerator()])
        self._http = httpclientservice.HTTPSession(
            self.master.httpservice, endpoint, debug=self.debug, verify=self.verify
        )
        self.token = token
        self.stream = stream

    @by_master
    def sendMessage(self, reports): ...
