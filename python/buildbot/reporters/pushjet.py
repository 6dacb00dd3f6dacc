"""Reports sent by Pushjet."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import BuildStatusGenerator
from buildbot.reporters.message import MessageFormatter
from buildbot.reporters.pushover import DEFAULT_MSG_TEMPLATE, ENCODING
from buildbot.reporters.pushover import PRIORITIES as LEVELS
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(
    __name__,
    "CANCELLED EXCEPTION FAILURE SUCCESS WARNINGS defer httpclientservice "
    "merge_reports_prop merge_reports_prop_take_first",
)


__all__ = ["DEFAULT_MSG_TEMPLATE", "ENCODING", "LEVELS", "PushjetNotifier"]


class PushjetNotifier(ReporterBase):
    """Sends a notification for each report."""

    @recorded
    def checkConfig(self, secret, levels=None, base_url="https://api.pushjet.io", generators=None):
        if generators is None:
            generators = self._create_default_generators()
        super().checkConfig(generators=generators)

    @async_to_deferred
    async def reconfigService(
        self, secret, levels=None, base_url="https://api.pushjet.io", generators=None
    ):
        from buildbot.util import httpclientservice

        secret = await any_to_async(self.renderSecrets(secret))
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators)
        self.secret = secret
        self.levels = {} if levels is None else levels
        self._http = httpclientservice.HTTPSession(self.master.httpservice, base_url)

    def _create_default_generators(self):
        formatter = MessageFormatter(template_type="html", template=DEFAULT_MSG_TEMPLATE)
        return [BuildStatusGenerator(message_formatter=formatter)]

    @by_master
    def sendMessage(self, reports): ...

    def sendNotification(self, params):
        """Posts one notification; a Deferred with the answer is returned."""
        params.update({"secret": self.secret})
        return self._http.post("/message", data=params)
