"""Reports sent to any web server as JSON."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import BuildStatusGenerator
from buildbot.reporters.message import MessageFormatterFunction
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "defer httpclientservice log")


def _whole_build(context):
    return context["build"]


class HttpStatusPush(ReporterBase):
    """Posts the body of each report to one address."""

    name = "HttpStatusPush"
    secrets = ["auth"]

    @recorded
    def checkConfig(
        self,
        serverUrl,
        auth=None,
        headers=None,
        debug=None,
        verify=None,
        cert=None,
        skip_encoding=False,
        generators=None,
        **kwargs,
    ):
        if generators is None:
            generators = self._create_default_generators()
        super().checkConfig(generators=generators, **kwargs)

    @async_to_deferred
    async def reconfigService(
        self,
        serverUrl,
        auth=None,
        headers=None,
        debug=None,
        verify=None,
        cert=None,
        skip_encoding=False,
        generators=None,
        **kwargs,
    ):
        from buildbot.util import httpclientservice

        self.debug = debug
        self.verify = verify
        self.cert = cert
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)
        self._http = httpclientservice.HTTPSession(
            self.master.httpservice,
            serverUrl,
            auth=auth,
            headers=headers,
            debug=self.debug,
            verify=self.verify,
            cert=self.cert,
            skip_encoding=skip_encoding,
        )

    def _create_default_generators(self):
        formatter = MessageFormatterFunction(_whole_build, "json")
        return [BuildStatusGenerator(message_formatter=formatter, report_new=True)]

    def is_status_2xx(self, code):
        return code // 100 == 2

    @async_to_deferred
    async def sendMessage(self, reports):
        response = await any_to_async(self._http.post("", json=reports[0]["body"]))
        if not self.is_status_2xx(response.code):
            from twisted.python import log

            log.msg(f"{response.code}: unable to upload status: {await response.content()}")
