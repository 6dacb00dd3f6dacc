"""Who may log in, and how. The master carries it out; own classes are asked for their decision."""

from __future__ import annotations

import re

from buildbot._host.by_master import by_master
from buildbot._host.deferreds import deferred, is_pending
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.util import bytes2unicode, unicode2bytes
from buildbot.util.config import ConfiguredMixin
from buildbot.util.twisted import async_to_deferred

SESSION_SECRET_LENGTH = 128
SESSION_SECRET_ALGORITHM = "HS256"

# Pages need Twisted; they are made when somebody asks for them.
_PAGES = (
    "AuthRootResource",
    "LoginResource",
    "LogoutResource",
    "PreAuthenticatedLoginResource",
    "_redirect",
)


_elsewhere = elsewhere(__name__, "config defer implementer log")


def __getattr__(name):
    if name not in _PAGES:
        return _elsewhere(name)
    from buildbot.www import _pages

    return getattr(_pages, name)


class AuthBase(Described, ConfiguredMixin):
    """Base of all kinds of login."""

    @recorded
    def __init__(self, userInfoProvider=None):
        self.userInfoProvider = userInfoProvider

    def reconfigAuth(self, master, new_config):
        self.master = master

    def maybeAutoLogin(self, request):
        """Called for the front page: a chance to log the visitor in."""
        from twisted.internet import defer

        return defer.succeed(None)

    def getLoginResource(self):
        from buildbot.www._pages import Error

        raise Error(501, b"not implemented")

    def getLogoutResource(self):
        return __getattr__("LogoutResource")(self.master)

    @async_to_deferred
    async def updateUserInfo(self, request):
        """Adds what the provider knows about the user to the session."""
        session = request.getSession()
        if self.userInfoProvider is not None:
            infos = await self.userInfoProvider.getUserInfo(session.user_info["username"])
            session.user_info.update(infos)
            session.updateSession(request)

    def getConfigDict(self):
        return {"name": type(self).__name__}


class UserInfoProviderBase(Described, ConfiguredMixin):
    """Knows more about a user than the login does; this one takes the name as address."""

    name = "noinfo"

    def getUserInfo(self, username):
        from twisted.internet import defer

        return defer.succeed({"email": username})


class NoAuth(AuthBase):
    """Nobody logs in."""


class RemoteUserAuth(AuthBase):
    """A web server in front has logged the user in and says so in a header."""

    header = b"REMOTE_USER"
    headerRegex = re.compile(rb"(?P<username>[^ @]+)@(?P<realm>[^ @]+)")

    @recorded
    def __init__(self, header=None, headerRegex=None, **kwargs):
        super().__init__(**kwargs)
        if self.userInfoProvider is None:
            self.userInfoProvider = UserInfoProviderBase()
        if header is not None:
            self.header = unicode2bytes(header)
        if headerRegex is not None:
            self.headerRegex = re.compile(unicode2bytes(headerRegex))

    def getLoginResource(self):
        from twisted.web import pages

        return pages.forbidden(message="URL is not supported for authentication")

    @async_to_deferred
    async def maybeAutoLogin(self, request):
        value = request.getHeader(self.header)
        if value is None:
            raise _forbidden(
                b"missing http header " + self.header + b". Check your reverse proxy config!"
            )
        found = self.headerRegex.match(value)
        if found is None:
            raise _forbidden(
                b'http header does not match regex! "%s" not matching %s'
                % (value, self.headerRegex.pattern)
            )
        session = request.getSession()
        user_info = {key: bytes2unicode(text) for key, text in found.groupdict().items()}
        if session.user_info != user_info:
            session.user_info = user_info
            await self.updateUserInfo(request)


def _forbidden(message):
    from buildbot.www._pages import Error

    return Error(403, message)


class AuthRealm:
    """Gives the page after the login to whoever has logged in (Twisted's IRealm)."""

    def __init__(self, master, auth):
        self.auth = auth
        self.master = master

    def requestAvatar(self, avatarId, mind, *interfaces):
        from twisted.web.resource import IResource

        if IResource not in interfaces:
            raise NotImplementedError()
        page = __getattr__("PreAuthenticatedLoginResource")(self.master, avatarId)
        return (IResource, page, lambda: None)


class TwistedICredAuthBase(AuthBase):
    """Login by credential factories and checkers of Twisted."""

    _described_over = ("_check_password",)

    @recorded
    def __init__(self, credentialFactories, checkers, **kwargs):
        super().__init__(**kwargs)
        if self.userInfoProvider is None:
            self.userInfoProvider = UserInfoProviderBase()
        self.credentialFactories = credentialFactories
        self.checkers = checkers

    @by_master
    def getLoginResource(self): ...

    def _check_password(self, username, password):
        """Deferred of the name of whoever has this name and password, or of None. Both are bytes."""
        return deferred(self._checked(username, password))

    def _checked(self, username, password):
        from twisted.cred.credentials import IUsernamePassword, UsernamePassword
        from twisted.cred.error import UnauthorizedLogin

        fit = [one for one in self.checkers if IUsernamePassword in one.credentialInterfaces]
        if not fit:
            return None
        try:
            # Of several the last one is asked, as by Twisted's portal.
            name = yield fit[-1].requestAvatarId(UsernamePassword(username, password))
        except UnauthorizedLogin:
            return None
        return None if name in (None, b"", ()) else bytes2unicode(name)


class _OnDemand:
    """An attribute that is computed when it is read, until somebody assigns a value."""

    def __init__(self, compute):
        self._compute = compute
        self._name = f"_given_{compute.__name__}"

    def __get__(self, instance, owner):
        if instance is None:
            return self
        given = instance.__dict__.get(self._name)
        return self._compute(instance) if given is None else given

    def __set__(self, instance, value):
        instance.__dict__[self._name] = value


class _PasswordAuth(TwistedICredAuthBase):
    """Shared by the classes that know all users: Twisted's objects are made on demand."""

    # The master checks these passwords itself.
    _described_over = ()

    @_OnDemand
    def credentialFactories(self):
        from twisted.web.guard import BasicCredentialFactory, DigestCredentialFactory

        return [DigestCredentialFactory(b"MD5", b"buildbot"), BasicCredentialFactory(b"buildbot")]

    @_OnDemand
    def checkers(self):
        return [self._checker()]


class HTPasswdAuth(_PasswordAuth):
    """Users and passwords stand in a file."""

    @recorded
    def __init__(self, passwdFile, **kwargs):
        super().__init__(None, None, **kwargs)
        self._passwd_file = passwdFile

    def _checker(self):
        from twisted.cred.checkers import FilePasswordDB

        return FilePasswordDB(self._passwd_file)


class UserPasswordAuth(_PasswordAuth):
    """Users and passwords stand in the configuration."""

    @recorded
    def __init__(self, users, **kwargs):
        # anything that is no dict and no list ends here as in 4.3.0, at the name without a value
        if isinstance(users, dict):
            users_dict = {user: unicode2bytes(password) for user, password in users.items()}
        elif isinstance(users, list):
            users_dict = {user: unicode2bytes(password) for user, password in users}
        self._users = users_dict
        for user in self._users:
            if not isinstance(user, str):
                raise TypeError("keywords must be strings")
            user.encode("ascii")
        super().__init__(None, None, **kwargs)

    def _checker(self):
        from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse

        return InMemoryUsernamePasswordDatabaseDontUse(**self._users)


class _ClassValue:
    """A class attribute that is computed when it is read."""

    def __init__(self, compute):
        self._compute = compute

    def __get__(self, instance, owner):
        return self._compute(owner)


class CustomAuth(TwistedICredAuthBase):
    """Login by a user's own check of name and password: override `check_credentials`."""

    @recorded
    def __init__(self, **kwargs):
        super().__init__(None, [self], **kwargs)

    @_OnDemand
    def credentialFactories(self):
        from twisted.web.guard import BasicCredentialFactory

        return [BasicCredentialFactory(b"buildbot")]

    @_ClassValue
    def credentialInterfaces(cls):
        from twisted.cred.credentials import IUsernamePassword

        return [IUsernamePassword]

    def requestAvatarId(self, cred):
        from twisted.cred.error import UnauthorizedLogin
        from twisted.internet import defer

        if self.check_credentials(cred.username, cred.password):
            return defer.succeed(cred.username)
        return defer.fail(UnauthorizedLogin())

    def check_credentials(self, username, password):
        return False

    def _checked(self, username, password):
        if type(self).requestAvatarId is not CustomAuth.requestAvatarId:
            return (yield from super()._checked(username, password))
        is_right = self.check_credentials(username, password)
        if is_pending(is_right):
            # A Deferred is true, whatever it brings.
            is_right = yield is_right
        return bytes2unicode(username) if is_right else None


def parse_user_info_from_token(token, session_secret):
    """What a session cookie says about its user."""
    import jwt

    try:
        decoded = jwt.decode(token, session_secret, algorithms=[SESSION_SECRET_ALGORITHM])
    except Exception as problem:
        raise KeyError(str(problem)) from problem
    return decoded["user_info"]


def build_anonymous_user_info():
    return {"anonymous": True}


def build_cookie_name(is_secure, sitepath):
    """The name of the session cookie: its own for each path and for TLS."""
    name = b"TWISTED_SECURE_SESSION" if is_secure else b"TWISTED_SESSION"
    return b"_".join([name, *sitepath])
