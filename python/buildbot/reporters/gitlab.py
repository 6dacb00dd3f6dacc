"""Build states on GitLab."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.properties import Interpolate
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import BuildStartEndStatusGenerator
from buildbot.reporters.generators.buildrequest import BuildRequestGenerator
from buildbot.reporters.message import MessageFormatterRenderable
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(
    __name__,
    "CANCELLED EXCEPTION FAILURE Properties RETRY SKIPPED SUCCESS WARNINGS defer "
    "giturlparse httpclientservice log",
)


HOSTED_BASE_URL = "https://gitlab.com"


class GitLabStatusPush(ReporterBase):
    """Sets the state of the commits of a build."""

    name = "GitLabStatusPush"

    @recorded
    def checkConfig(
        self,
        token,
        context=None,
        baseURL=None,
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
        token,
        context=None,
        baseURL=None,
        verbose=False,
        debug=None,
        verify=None,
        generators=None,
        **kwargs,
    ):
        from buildbot.util import httpclientservice

        token = await any_to_async(self.renderSecrets(token))
        self.debug = debug
        self.verify = verify
        self.verbose = verbose
        self.context = context or Interpolate("buildbot/%(prop:buildername)s")
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)
        base = (HOSTED_BASE_URL if baseURL is None else baseURL).rstrip("/")
        self._http = httpclientservice.HTTPSession(
            self.master.httpservice,
            base,
            headers={"PRIVATE-TOKEN": token},
            debug=self.debug,
            verify=self.verify,
        )
        self.project_ids = {}

    def _create_default_generators(self):
        return [
            BuildRequestGenerator(formatter=MessageFormatterRenderable("Build pending.")),
            BuildStartEndStatusGenerator(
                start_formatter=MessageFormatterRenderable("Build started."),
                end_formatter=MessageFormatterRenderable("Build done."),
            ),
        ]

    def createStatus(
        self, project_id, branch, sha, state, target_url=None, description=None, context=None
    ):
        """Posts one state; a Deferred with GitLab's answer is returned."""
        payload = {"state": state, "ref": branch}
        optional = (("description", description), ("target_url", target_url), ("name", context))
        payload.update({name: value for name, value in optional if value is not None})
        return self._http.post(f"/api/v4/projects/{project_id}/statuses/{sha}", json=payload)

    @by_master
    def getProjectId(self, sourcestamp): ...

    @by_master
    def sendMessage(self, reports): ...
