"""Pictures of users."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.util import unicode2bytes
from buildbot.util.config import ConfiguredMixin

_elsewhere = elsewhere(__name__, "bytes2unicode defer httpclientservice log")


def __getattr__(name):
    if name != "AvatarResource":
        return _elsewhere(name)
    from buildbot.www import _pages

    return _pages.AvatarResource


class AvatarBase(Described, ConfiguredMixin):
    """Knows pictures: override `getUserAvatar`."""

    name = "noavatar"
    master = None

    def getUserAvatar(self, email, username, size, defaultAvatarUrl):
        raise NotImplementedError()


class AvatarGitHub(AvatarBase):
    """The pictures that users have at GitHub."""

    name = "github"
    DEFAULT_GITHUB_API_URL = "https://api.github.com"
    client = None

    @recorded
    def __init__(
        self,
        github_api_endpoint=None,
        token=None,
        client_id=None,
        client_secret=None,
        debug=False,
        verify=True,
    ):
        if github_api_endpoint is None:
            github_api_endpoint = self.DEFAULT_GITHUB_API_URL
        if isinstance(github_api_endpoint, str):
            github_api_endpoint = github_api_endpoint.rstrip("/")
        self.github_api_endpoint = github_api_endpoint
        self.token = token
        self.client_creds = None
        if bool(client_id) != bool(client_secret):
            config.error("client_id and client_secret must be both provided or none")
        if client_id:
            if token:
                config.error("client_id and client_secret must not be provided when token is")
            import base64

            pair = b":".join(part.encode("utf-8") for part in (client_id, client_secret))
            self.client_creds = base64.b64encode(pair).decode("ascii")
        self.debug = debug
        self.verify = verify
        self.master = None
        self.client = None

    @by_master
    def getUserAvatar(self, email, username, size, defaultAvatarUrl): ...


class AvatarGravatar(AvatarBase):
    """The pictures that users have at gravatar.com."""

    name = "gravatar"
    default = "retro"

    def getUserAvatar(self, email, username, size, defaultAvatarUrl):
        """Redirects there."""
        import hashlib
        from urllib.parse import urlencode

        from buildbot.www import resource

        digest = hashlib.md5(unicode2bytes(email.lower())).hexdigest()
        query = {"d": self.default, "s": str(size)}
        if self.default == "url":
            query["d"] = defaultAvatarUrl
        raise resource.Redirect(f"//www.gravatar.com/avatar/{digest}?{urlencode(query)}")
