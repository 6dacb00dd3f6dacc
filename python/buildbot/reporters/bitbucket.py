"""Build states on bitbucket.org."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.properties import Property
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import BuildStartEndStatusGenerator
from buildbot.reporters.message import MessageFormatter
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "Properties SUCCESS defer httpclientservice log")


BITBUCKET_INPROGRESS = "INPROGRESS"
BITBUCKET_SUCCESSFUL = "SUCCESSFUL"
BITBUCKET_FAILED = "FAILED"
_BASE_URL = "https://api.bitbucket.org/2.0/repositories"
_OAUTH_URL = "https://bitbucket.org/site/oauth2/access_token"
_GET_TOKEN_DATA = {"grant_type": "client_credentials"}


class BitbucketStatusPush(ReporterBase):
    """Sets the state of the commits of a build."""

    name = "BitbucketStatusPush"

    @recorded
    def checkConfig(
        self,
        oauth_key=None,
        oauth_secret=None,
        auth=None,
        base_url=_BASE_URL,
        oauth_url=_OAUTH_URL,
        debug=None,
        verify=None,
        status_key=None,
        status_name=None,
        generators=None,
        **kwargs,
    ):
        if auth is not None and (oauth_key is not None or oauth_secret is not None):
            config.error("Either App Passwords or OAuth can be specified, not both")
        if generators is None:
            generators = self._create_default_generators()
        super().checkConfig(generators=generators, **kwargs)

    @async_to_deferred
    async def reconfigService(
        self,
        oauth_key=None,
        oauth_secret=None,
        auth=None,
        base_url=_BASE_URL,
        oauth_url=_OAUTH_URL,
        debug=None,
        verify=None,
        status_key=None,
        status_name=None,
        generators=None,
        **kwargs,
    ):
        from buildbot.util import httpclientservice

        oauth_key, oauth_secret = await any_to_async(self.renderSecrets(oauth_key, oauth_secret))
        self.auth = await any_to_async(self.renderSecrets(auth))
        self.base_url = base_url.rstrip("/")
        self.debug = debug
        self.verify = verify
        self.status_key = status_key or Property("buildername")
        self.status_name = status_name or Property("buildername")
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators, **kwargs)

        def session(url, auth):
            return httpclientservice.HTTPSession(
                self.master.httpservice, url, auth=auth, debug=self.debug, verify=self.verify
            )

        self._http = session(self.base_url, self.auth)
        self.oauthhttp = None if self.auth else session(oauth_url, (oauth_key, oauth_secret))

    def _create_default_generators(self):
        return [
            BuildStartEndStatusGenerator(
                start_formatter=MessageFormatter(subject="", template=""),
                end_formatter=MessageFormatter(subject="", template=""),
            )
        ]

    @by_master
    def sendMessage(self, reports): ...

    def get_owner_and_repo(self, repourl):
        """Owner and name in the address of a repository."""
        from urllib.parse import urlparse

        from buildbot.util.giturlparse import giturlparse

        parsed = giturlparse(repourl) if "://" not in repourl else None
        if parsed is not None and parsed.owner:
            path = f"{parsed.owner}/{parsed.repo}"
        else:
            path = urlparse(repourl).path.strip("/")
        if path.endswith(".git"):
            path = path[: -len(".git")]
        parts = path.split("/")
        assert len(parts) == 2, "OWNER/REPONAME is expected"
        return parts
