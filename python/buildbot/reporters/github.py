"""Build states and comments on GitHub."""

from __future__ import annotations

import re

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


HOSTED_BASE_URL = "https://api.github.com"


class GitHubStatusPush(ReporterBase):
    """Sets the state of the commits of a build."""

    name = "GitHubStatusPush"

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

        self.token = token
        self.debug = debug
        self.verify = verify
        self.verbose = verbose
        self.context = self.setup_context(context)
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)
        base = (HOSTED_BASE_URL if baseURL is None else baseURL).rstrip("/")
        self._http = httpclientservice.HTTPSession(
            self.master.httpservice,
            base,
            headers={"User-Agent": "Buildbot"},
            debug=self.debug,
            verify=self.verify,
        )

    def setup_context(self, context):
        """What the state is filed under: a renderable."""
        return context or Interpolate("buildbot/%(prop:buildername)s")

    def _create_default_generators(self):
        started = MessageFormatterRenderable("Build started.")
        done = MessageFormatterRenderable("Build done.")
        pending = MessageFormatterRenderable("Build pending.")
        return [
            BuildRequestGenerator(formatter=pending),
            BuildStartEndStatusGenerator(start_formatter=started, end_formatter=done),
        ]

    @async_to_deferred
    async def _get_auth_header(self, props):
        token = await any_to_async(props.render(self.token))
        return {"Authorization": f"token {token}"}

    @async_to_deferred
    async def createStatus(
        self,
        repo_user,
        repo_name,
        sha,
        state,
        props,
        target_url=None,
        context=None,
        issue=None,
        description=None,
    ):
        """Posts one state; the answer of GitHub is returned."""
        payload = {"state": state}
        optional = (("description", description), ("target_url", target_url))
        payload.update({name: value for name, value in optional if value is not None})
        if context is not None:
            payload["context"] = context
        return await self._http.post(
            "/".join(["/repos", repo_user, repo_name, "statuses", sha]),
            json=payload,
            headers=await self._get_auth_header(props),
        )

    def is_status_2xx(self, code):
        return code // 100 == 2

    def _extract_issue(self, props):
        """The number of the pull request, if the branch is one."""
        branch = props.getProperty("branch")
        found = re.search(r"refs/pull/([0-9]*)/(head|merge)", branch) if branch else None
        return found.group(1) if found else None

    def _extract_github_info(self, sourcestamp):
        """Owner and name of the repository of a source stamp, None if unknown."""
        project = sourcestamp["project"]
        repository = sourcestamp["repository"]
        if project and "/" in project:
            owner, name = project.split("/")
            return owner, name
        if repository:
            from buildbot.util.giturlparse import giturlparse

            parsed = giturlparse(repository)
            if parsed is not None:
                return parsed.owner, parsed.repo
        return None, None

    @by_master
    def sendMessage(self, reports): ...


class GitHubCommentPush(GitHubStatusPush):
    """Comments on the pull request of a build."""

    name = "GitHubCommentPush"

    def setup_context(self, context):
        return ""

    def _create_default_generators(self):
        return [
            BuildStartEndStatusGenerator(
                start_formatter=MessageFormatterRenderable(None),
                end_formatter=MessageFormatterRenderable("Build done."),
            )
        ]

    @by_master
    def sendMessage(self, reports): ...

    @async_to_deferred
    async def createStatus(
        self,
        repo_user,
        repo_name,
        sha,
        state,
        props,
        target_url=None,
        context=None,
        issue=None,
        description=None,
    ):
        """Posts one comment; the answer of GitHub is returned."""
        if issue is None:
            from twisted.python import log

            log.msg(
                f"Skipped status update for repo {repo_name} sha {sha} as issue is not specified"
            )
            return None
        return await self._http.post(
            "/".join(["/repos", repo_user, repo_name, "issues", issue, "comments"]),
            json={"body": description},
            headers=await self._get_auth_header(props),
        )
