"""Build states for the verify-status plug-in of Gerrit."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.properties import Interpolate
from buildbot.process.results import (
    CANCELLED,
    EXCEPTION,
    FAILURE,
    RETRY,
    SKIPPED,
    SUCCESS,
    WARNINGS,
)
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import BuildStartEndStatusGenerator
from buildbot.reporters.message import MessageFormatterRenderable
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "Properties defer failure httpclientservice")


class GerritVerifyStatusPush(ReporterBase):
    """Sets the state of changes."""

    name = "GerritVerifyStatusPush"
    RESULTS_TABLE = {
        SUCCESS: 1,
        WARNINGS: 1,
        FAILURE: -1,
        SKIPPED: 0,
        EXCEPTION: 0,
        RETRY: 0,
        CANCELLED: 0,
    }
    DEFAULT_RESULT = -1

    @recorded
    def checkConfig(
        self,
        baseURL,
        auth,
        verification_name=None,
        abstain=False,
        category=None,
        reporter=None,
        verbose=False,
        debug=None,
        verify=None,
        generators=None,
        **kwargs,
    ):
        if generators is None:
            generators = self._create_default_generators()
        super().checkConfig(generators=generators, **kwargs)

    @async_to_deferred
    async def reconfigService(
        self,
        baseURL,
        auth,
        verification_name=None,
        abstain=False,
        category=None,
        reporter=None,
        verbose=False,
        debug=None,
        verify=None,
        generators=None,
        **kwargs,
    ):
        from buildbot.util import httpclientservice

        auth = await any_to_async(self.renderSecrets(auth))
        self.debug = debug
        self.verify = verify
        self.verbose = verbose
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)
        self._http = httpclientservice.HTTPSession(
            self.master.httpservice,
            baseURL.rstrip("/"),
            auth=auth,
            debug=self.debug,
            verify=self.verify,
        )
        self._verification_name = verification_name or Interpolate("%(prop:buildername)s")
        self._reporter = reporter or "buildbot"
        self._abstain = abstain
        self._category = category

    def _create_default_generators(self):
        return [
            BuildStartEndStatusGenerator(
                start_formatter=MessageFormatterRenderable("Build started."),
                end_formatter=MessageFormatterRenderable("Build done."),
            )
        ]

    def createStatus(
        self,
        change_id,
        revision_id,
        name,
        value,
        abstain=None,
        rerun=None,
        comment=None,
        url=None,
        reporter=None,
        category=None,
        duration=None,
    ):
        """Posts one state; a Deferred with the answer is returned."""
        optional = {
            "abstain": abstain,
            "rerun": rerun,
            "comment": comment,
            "url": url,
            "reporter": reporter,
            "category": category,
            "duration": duration,
        }
        payload = {"name": name, "value": value}
        payload.update({key: given for key, given in optional.items() if given is not None})
        path = ["/a/changes", change_id, "revisions", revision_id, "verify-status~verifications"]
        return self._http.post("/".join(str(part) for part in path), json=payload)

    def formatDuration(self, duration):
        """A time in words: days, hours, minutes, seconds, the large ones only if needed."""
        minutes, seconds = divmod(duration.seconds, 60)
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m {seconds}s"
        if duration.days or hours:
            text = f"{hours}h {text}"
        if duration.days:
            text = f"{duration.days} day{'s' if duration.days > 1 else ''} {text}"
        return text

    @staticmethod
    def getGerritChanges(props):
        """The changes that properties name: a list of change_id and revision_id."""
        if "gerrit_changes" in props:
            return props.getProperty("gerrit_changes")
        if "event.change.number" in props:
            return [
                {
                    "change_id": props.getProperty("event.change.number"),
                    "revision_id": props.getProperty("event.patchSet.number"),
                }
            ]
        return []

    @by_master
    def sendMessage(self, reports): ...
