"""Build states and comments on a Bitbucket Server."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.properties import Interpolate
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import (
    BuildStartEndStatusGenerator,
    BuildStatusGenerator,
)
from buildbot.reporters.generators.buildrequest import BuildRequestGenerator
from buildbot.reporters.message import MessageFormatterRenderable
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(
    __name__,
    "Properties SUCCESS bytes2unicode datetime2epoch defer httpclientservice log "
    "merge_reports_prop unicode2bytes util",
)


INPROGRESS = "INPROGRESS"
SUCCESSFUL = "SUCCESSFUL"
FAILED = "FAILED"
STATUS_API_URL = "/rest/build-status/1.0/commits/{sha}"
STATUS_CORE_API_URL = "/rest/api/1.0/projects/{proj_key}/repos/{repo_slug}/commits/{sha}/builds"
COMMENT_API_URL = "/rest/api/1.0{path}/comments"
HTTP_PROCESSED = 204
HTTP_CREATED = 201


def _started_and_done():
    return BuildStartEndStatusGenerator(
        start_formatter=MessageFormatterRenderable("Build started."),
        end_formatter=MessageFormatterRenderable("Build done."),
    )


def _session(reporter, base_url, **more):
    from buildbot.util import httpclientservice

    return httpclientservice.HTTPSession(
        reporter.master.httpservice,
        base_url,
        debug=reporter.debug,
        verify=reporter.verify,
        **more,
    )


class BitbucketServerStatusPush(ReporterBase):
    """Sets the state of the commits of a build."""

    name = "BitbucketServerStatusPush"

    @recorded
    def checkConfig(
        self,
        base_url,
        user,
        password,
        key=None,
        statusName=None,
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
        base_url,
        user,
        password,
        key=None,
        statusName=None,
        verbose=False,
        debug=None,
        verify=None,
        generators=None,
        **kwargs,
    ):
        user, password = await any_to_async(self.renderSecrets(user, password))
        self.debug = debug
        self.verify = verify
        self.verbose = verbose
        self.key = key or Interpolate("%(prop:buildername)s")
        self.context = statusName
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)
        self._http = _session(self, base_url.rstrip("/"), auth=(user, password))

    def _create_default_generators(self):
        return [_started_and_done()]

    def createStatus(self, sha, state, url, key, description=None, context=None):
        """Posts one state; a Deferred with the answer is returned."""
        payload = {"state": state, "url": url, "key": key}
        if description:
            payload["description"] = description
        if context:
            payload["name"] = context
        return self._http.post(STATUS_API_URL.format(sha=sha), json=payload)

    @by_master
    def sendMessage(self, reports): ...


class BitbucketServerCoreAPIStatusPush(ReporterBase):
    """Sets the state of the commits of a build, with its tests, duration and parent."""

    name = "BitbucketServerCoreAPIStatusPush"
    secrets = ["token", "auth"]

    @recorded
    def checkConfig(
        self,
        base_url,
        token=None,
        auth=None,
        statusName=None,
        statusSuffix=None,
        key=None,
        parentName=None,
        buildNumber=None,
        ref=None,
        duration=None,
        testResults=None,
        verbose=False,
        debug=None,
        verify=None,
        generators=None,
        **kwargs,
    ):
        if generators is None:
            generators = self._create_default_generators()
        super().checkConfig(generators=generators, **kwargs)
        if not base_url:
            config.error("Parameter base_url has to be given")
        if token is not None and auth is not None:
            config.error("Only one authentication method can be given (token or auth)")

    @async_to_deferred
    async def reconfigService(
        self,
        base_url,
        token=None,
        auth=None,
        statusName=None,
        statusSuffix=None,
        key=None,
        parentName=None,
        buildNumber=None,
        ref=None,
        duration=None,
        testResults=None,
        verbose=False,
        debug=None,
        verify=None,
        generators=None,
        **kwargs,
    ):
        self.status_name = statusName
        self.status_suffix = statusSuffix
        self.key = key or Interpolate("%(prop:buildername)s")
        self.parent_name = parentName
        self.build_number = buildNumber or Interpolate("%(prop:buildnumber)s")
        self.ref = ref
        self.duration = duration
        self.test_results = testResults
        self.debug = debug
        self.verify = verify
        self.verbose = verbose
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)
        session = {}
        if token:
            session["headers"] = {"Authorization": f"Bearer {token}"}
        if auth:
            session["auth"] = auth
        self._http = _session(self, base_url.rstrip("/"), **session)

    def _create_default_generators(self):
        pending = MessageFormatterRenderable("Build pending.")
        return [BuildRequestGenerator(formatter=pending), _started_and_done()]

    @by_master
    def createStatus(
        self,
        proj_key,
        repo_slug,
        sha,
        state,
        url,
        key,
        parent,
        build_number,
        ref,
        description,
        name,
        duration,
        test_results,
    ): ...

    @by_master
    def sendMessage(self, reports): ...


class BitbucketServerPRCommentPush(ReporterBase):
    """Comments on the pull requests of builds."""

    name = "BitbucketServerPRCommentPush"

    @recorded
    def checkConfig(
        self,
        base_url,
        user,
        password,
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
        base_url,
        user,
        password,
        verbose=False,
        debug=None,
        verify=None,
        generators=None,
        **kwargs,
    ):
        user, password = await any_to_async(self.renderSecrets(user, password))
        self.verbose = verbose
        self.debug = debug
        self.verify = verify
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)
        self._http = _session(self, base_url.rstrip("/"), auth=(user, password))

    def _create_default_generators(self):
        return [BuildStatusGenerator()]

    def sendComment(self, pr_url, text):
        """Posts one comment; a Deferred with the answer is returned."""
        from urllib.parse import urlparse

        path = urlparse(pr_url).path
        return self._http.post(COMMENT_API_URL.format(path=path), json={"text": text})

    @by_master
    def sendMessage(self, reports): ...
