"""Reports sent by pushover.net."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, SUCCESS, WARNINGS
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import BuildStatusGenerator
from buildbot.reporters.message import MessageFormatter
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(
    __name__,
    "defer httpclientservice merge_reports_prop merge_reports_prop_take_first",
)


ENCODING = "utf8"
VALID_PARAMS = {
    "sound",
    "callback",
    "timestamp",
    "url",
    "url_title",
    "device",
    "retry",
    "expire",
    "html",
}
PRIORITIES = {
    CANCELLED: "cancelled",
    EXCEPTION: "exception",
    FAILURE: "failing",
    SUCCESS: "passing",
    WARNINGS: "warnings",
}
DEFAULT_MSG_TEMPLATE = (
    'The Buildbot has detected a <a href="{{ build_url }}">{{ status_detected }}</a>'
    "of <i>{{ buildername }}</i> while building {{ projects }} on {{ workername }}."
)


class PushoverNotifier(ReporterBase):
    """Sends a notification for each report."""

    @recorded
    def checkConfig(self, user_key, api_token, priorities=None, otherParams=None, generators=None):
        if generators is None:
            generators = self._create_default_generators()
        super().checkConfig(generators=generators)
        if otherParams is not None and set(otherParams.keys()) - VALID_PARAMS:
            config.error(
                "otherParams can be only 'sound', 'callback', 'timestamp', 'url', "
                "'url_title', 'device', 'retry', 'expire', or 'html'"
            )

    @async_to_deferred
    async def reconfigService(
        self, user_key, api_token, priorities=None, otherParams=None, generators=None
    ):
        from buildbot.util import httpclientservice

        user_key, api_token = await any_to_async(self.renderSecrets(user_key, api_token))
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators)
        self.user_key = user_key
        self.api_token = api_token
        self.priorities = {} if priorities is None else priorities
        self.otherParams = {} if otherParams is None else otherParams
        self._http = httpclientservice.HTTPSession(
            self.master.httpservice, "https://api.pushover.net"
        )

    def _create_default_generators(self):
        formatter = MessageFormatter(template_type="html", template=DEFAULT_MSG_TEMPLATE)
        return [BuildStatusGenerator(message_formatter=formatter)]

    @by_master
    def sendMessage(self, reports): ...

    def sendNotification(self, params):
        """Posts one notification; a Deferred with the answer is returned."""
        params.update({"user": self.user_key, "token": self.api_token})
        params.update(self.otherParams)
        return self._http.post("/1/messages.json", params=params)
