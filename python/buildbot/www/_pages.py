"""The classes of the web server that derive from Twisted's; see `resource.py` and `auth.py`."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot.util import unicode2bytes
from buildbot.www.resource import protect_redirect_url

try:
    from twisted.web.error import Error
    from twisted.web.resource import Resource as _Resource
    from twisted.web.server import NOT_DONE_YET
except ImportError:
    from buildbot.www._without_twisted import NOT_DONE_YET, Error
    from buildbot.www._without_twisted import Resource as _Resource


class Redirect(Error):
    """Raised while a page is made: go to this address instead."""

    def __init__(self, url):
        super().__init__(302, b"redirect")
        self.url = protect_redirect_url(unicode2bytes(url))


class Resource(_Resource):
    """A page that knows its master."""

    needsReconfig = False

    def __init__(self, master):
        super().__init__()
        self.master = master

    @property
    def base_url(self):
        return self.master.config.buildbotURL.encode("utf-8")

    def reconfigResource(self, new_config):
        pass

    def asyncRenderHelper(self, request, _callable, writeError=None):
        """Answers the request with the result of `_callable`, now or when its Deferred fires."""
        from twisted.internet import defer
        from twisted.python import log

        def fail(msg, errcode):
            request.setResponseCode(errcode)
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            request.write(msg)
            request.finish()

        writeError = writeError or fail
        waiting = [True]
        request.notifyFinish().addErrback(lambda _: waiting.clear())

        def answered(body):
            if waiting:
                if body is not None:
                    request.write(body)
                request.finish()

        def redirected(failure):
            failure.trap(Redirect)
            if waiting:
                request.redirect(failure.value.url)
                request.finish()

        def refused(failure):
            failure.trap(Error)
            problem = failure.value
            if waiting:
                writeError(problem.message, errcode=int(problem.status))

        def crashed(failure):
            log.err(failure, "While rendering resource:")
            if waiting:
                writeError(unicode2bytes(failure.getErrorMessage()), errcode=500)

        answer = defer.maybeDeferred(_callable, request)
        answer.addCallback(answered)
        answer.addErrback(redirected).addErrback(refused).addErrback(crashed)
        return NOT_DONE_YET


class RedirectResource(Resource):
    def __init__(self, master, basepath):
        super().__init__(master)
        self.basepath = basepath

    def render(self, request):
        redirect = self.base_url + unicode2bytes(self.basepath)
        request.redirect(protect_redirect_url(redirect))
        return redirect


for _page in (Redirect, Resource, RedirectResource):
    _page.__module__ = "buildbot.www.resource"


class Forbidden(Error):
    """The user lacks a role."""

    def __init__(self, msg):
        super().__init__(403, msg)


Forbidden.__module__ = "buildbot.www.authz.authz"


class AuthRootResource(Resource):
    def getChild(self, path, request):
        if path == b"login":
            return self.master.www.auth.getLoginResource()
        if path == b"logout":
            return self.master.www.auth.getLogoutResource()
        return super().getChild(path, request)


class LoginResource(Resource):
    def render_GET(self, request):
        return self.asyncRenderHelper(request, self.renderLogin)

    @by_master
    def renderLogin(self, request): ...


class PreAuthenticatedLoginResource(LoginResource):
    """The page behind a login that has already happened."""

    def __init__(self, master, username):
        super().__init__(master)
        self.username = username

    @by_master
    def renderLogin(self, request): ...


class LogoutResource(Resource):
    def render_GET(self, request):
        request.getSession().expire()
        target = _redirect(self.master, request)
        request.redirect(target.url)
        return b""


def _redirect(master, request):
    """Where a visitor goes after the login."""
    wanted = request.args.get(b"redirect", [b"/"])[0]
    base = unicode2bytes(master.config.buildbotURL)
    return Redirect(base + b"#" + wanted)


for _page in (AuthRootResource, LoginResource, PreAuthenticatedLoginResource, LogoutResource):
    _page.__module__ = "buildbot.www.auth"


class OAuth2LoginResource(LoginResource):
    def __init__(self, master, _auth):
        super().__init__(master)
        self.auth = _auth

    def render_POST(self, request):
        return self.asyncRenderHelper(request, self.renderLogin)

    @by_master
    def renderLogin(self, request): ...


OAuth2LoginResource.__module__ = "buildbot.www.oauth2"


class AvatarResource(Resource):
    needsReconfig = True
    defaultAvatarUrl = b"img/nobody.png"
    avatarMethods = []

    def reconfigResource(self, new_config):
        methods = new_config.www.get("avatar_methods", [])
        self.avatarMethods = list(methods) if isinstance(methods, (list, tuple)) else [methods]
        for method in self.avatarMethods:
            method.master = self.master

    def render_GET(self, request):
        return self.asyncRenderHelper(request, self.renderAvatar)

    @by_master
    def renderAvatar(self, request): ...


AvatarResource.__module__ = "buildbot.www.avatar"
