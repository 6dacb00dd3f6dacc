"""Login by another web service (OAuth 2)."""

from __future__ import annotations

import re

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.www import auth

_elsewhere = elsewhere(__name__, "Properties bytes2unicode")


def __getattr__(name):
    if name != "OAuth2LoginResource":
        return _elsewhere(name)
    from buildbot.www import _pages

    return _pages.OAuth2LoginResource


def _without_slash(address):
    return address.rstrip("/")


class OAuth2Auth(auth.AuthBase):
    """Base of these logins. A subclass names the addresses and reads what is said of the user."""

    name = "oauth2"
    getTokenUseAuthHeaders = False
    authUri = None
    tokenUri = None
    grantType = "authorization_code"
    authUriAdditionalParams = {}
    tokenUriAdditionalParams = {}
    resourceEndpoint = ""
    faIcon = "not-defined"
    loginUri = None
    homeUri = None

    @recorded
    def __init__(self, clientId, clientSecret, autologin=False, ssl_verify=True, **kwargs):
        super().__init__(**kwargs)
        self.clientId = clientId
        self.clientSecret = clientSecret
        self.autologin = autologin
        self.ssl_verify = ssl_verify

    def reconfigAuth(self, master, new_config):
        self.master = master
        self.loginUri = new_config.buildbotURL + "auth/login"
        self.homeUri = new_config.buildbotURL

    def getConfigDict(self):
        return {
            "name": self.name,
            "oauth2": True,
            "fa_icon": self.faIcon,
            "autologin": self.autologin,
        }

    def getLoginResource(self):
        return __getattr__("OAuth2LoginResource")(self.master, self)

    @by_master
    def getLoginURL(self, redirect_url): ...

    def createSessionFromToken(self, token):
        """A session of `requests` that shows the token; subclasses may set other headers."""
        import requests

        if "error" in token:
            raise Exception(
                f"OAuth2 session: creation failed: {token.get('error_description', token['error'])}"
            )
        session = requests.Session()
        session.params = {"access_token": token["access_token"]}
        session.verify = self.ssl_verify
        return session

    def get(self, session, path):
        """What the service answers, from JSON."""
        return session.get(self.resourceEndpoint + path).json()

    @by_master
    def verifyCode(self, code): ...

    def getUserInfoFromOAuthClient(self, c):
        return {}


class GoogleAuth(OAuth2Auth):
    name = "Google"
    faIcon = "fa-google-plus"
    resourceEndpoint = "https://www.googleapis.com/oauth2/v1"
    authUri = "https://accounts.google.com/o/oauth2/auth"
    tokenUri = "https://accounts.google.com/o/oauth2/token"
    authUriAdditionalParams = {
        "scope": "https://www.googleapis.com/auth/userinfo.email "
        "https://www.googleapis.com/auth/userinfo.profile"
    }

    def getUserInfoFromOAuthClient(self, c):
        data = self.get(c, "/userinfo")
        return {
            "full_name": data["name"],
            "username": data["email"].split("@")[0],
            "email": data["email"],
            "avatar_url": data["picture"],
        }


class GitHubAuth(OAuth2Auth):
    name = "GitHub"
    faIcon = "fa-github"
    authUri = "https://github.com/login/oauth/authorize"
    authUriAdditionalParams = {"scope": "user:email read:org"}
    tokenUri = "https://github.com/login/oauth/access_token"
    resourceEndpoint = "https://api.github.com"

    @recorded
    def __init__(
        self,
        clientId,
        clientSecret,
        serverURL=None,
        autologin=False,
        apiVersion=3,
        getTeamsMembership=False,
        debug=False,
        **kwargs,
    ):
        super().__init__(clientId, clientSecret, autologin, **kwargs)
        self.apiResourceEndpoint = None
        if serverURL is not None:
            serverURL = _without_slash(serverURL)
            self.resourceEndpoint = serverURL + "/api/v3"
            self.apiResourceEndpoint = serverURL + "/api/graphql"
            self.authUri = serverURL + "/login/oauth/authorize"
            self.tokenUri = serverURL + "/login/oauth/access_token"
        self.serverURL = serverURL or self.resourceEndpoint
        if apiVersion not in (3, 4):
            config.error(f"GitHubAuth apiVersion must be 3 or 4 not {apiVersion}")
        self.apiVersion = apiVersion
        if apiVersion == 3:
            if getTeamsMembership is True:
                config.error(
                    "Retrieving team membership information using GitHubAuth is only "
                    "possible using GitHub api v4."
                )
        elif self.apiResourceEndpoint is None:
            self.apiResourceEndpoint = self.serverURL + "/graphql"
        if getTeamsMembership:
            self._orgname_slug_sub_re = re.compile(r"[^_a-zA-Z0-9]")
        self.getTeamsMembership = getTeamsMembership
        self.debug = debug

    @by_master
    def post(self, session, query): ...

    def createSessionFromToken(self, token):
        import requests

        from buildbot import version

        session = requests.Session()
        session.headers = {
            "Authorization": f"token {token['access_token']}",
            "User-Agent": f"buildbot/{version}",
        }
        session.verify = self.ssl_verify
        return session

    def getUserInfoFromOAuthClient(self, c):
        read = (
            self.getUserInfoFromOAuthClient_v3
            if self.apiVersion == 3
            else self.getUserInfoFromOAuthClient_v4
        )
        return read(c)

    def getUserInfoFromOAuthClient_v3(self, c):
        user = self.get(c, "/user")
        emails = self.get(c, "/user/emails")
        primary = next((one["email"] for one in emails if one.get("primary")), None)
        if primary is not None:
            user["email"] = primary
        return {
            "full_name": user["name"],
            "email": user["email"],
            "username": user["login"],
            "groups": [one["login"] for one in self.get(c, "/user/orgs")],
        }

    @by_master
    def getUserInfoFromOAuthClient_v4(self, c): ...


class GitLabAuth(OAuth2Auth):
    name = "GitLab"
    faIcon = "fa-git"

    @recorded
    def __init__(self, instanceUri, clientId, clientSecret, **kwargs):
        server = _without_slash(instanceUri)
        self.authUri = f"{server}/oauth/authorize"
        self.tokenUri = f"{server}/oauth/token"
        self.resourceEndpoint = f"{server}/api/v4"
        super().__init__(clientId, clientSecret, **kwargs)

    def getUserInfoFromOAuthClient(self, c):
        user = self.get(c, "/user")
        groups = self.get(c, "/groups")
        return {
            "full_name": user["name"],
            "username": user["username"],
            "email": user["email"],
            "avatar_url": user["avatar_url"],
            "groups": [group["path"] for group in groups],
        }


class BitbucketAuth(OAuth2Auth):
    name = "Bitbucket"
    faIcon = "fa-bitbucket"
    authUri = "https://bitbucket.org/site/oauth2/authorize"
    tokenUri = "https://bitbucket.org/site/oauth2/access_token"
    resourceEndpoint = "https://api.bitbucket.org/2.0"

    def getUserInfoFromOAuthClient(self, c):
        user = self.get(c, "/user")
        emails = self.get(c, "/user/emails")
        for one in emails["values"]:
            if one.get("is_primary", False):
                user["email"] = one["email"]
                break
        workspaces = self.get(c, "/workspaces?role=member")
        return {
            "full_name": user["display_name"],
            "email": user["email"],
            "username": user["username"],
            "groups": [workspace["slug"] for workspace in workspaces["values"]],
        }
