"""Logins and what they say."""

from unittest import mock

import jwt
from twisted.internet import defer  # noqa: F401 - before anything of Buildbot

from buildbot.www import auth, resource
from buildbot.www.authz import Forbidden

a = auth.AuthBase()
for c in (auth.AuthBase(), auth.RemoteUserAuth()):
    try:
        c.getLoginResource()
    except BaseException as e:
        print(type(e).__mro__, e, getattr(e, "status", None), getattr(e, "message", None))
r = mock.Mock()
r.getHeader.return_value = None
d = auth.RemoteUserAuth().maybeAutoLogin(r)
d.addErrback(lambda f: print(f.type, f.value.status, f.value.message))
r.getHeader.return_value = b"foo"
d = auth.RemoteUserAuth().maybeAutoLogin(r)
d.addErrback(lambda f: print(f.type, f.value.status, f.value.message))
r.getHeader.return_value = b"foo@bar"
d = auth.RemoteUserAuth().maybeAutoLogin(r)
d.addErrback(lambda f: print(f.type, f.value.status, f.value.message))
print(r.getSession().user_info, r.mock_calls)
print(auth.build_cookie_name(True, [b"a", b"b"]), auth.build_cookie_name(False, []))

e = resource.Redirect("http://a\r\nb")
print(e, e.status, e.message, e.url)
print(resource.protect_redirect_url(b"http://a\r\nb"))
for t in ("abc",):
    try:
        auth.parse_user_info_from_token(t, "s")
    except BaseException as e:
        print(type(e), e)

for t in (
    jwt.encode({"user_info": {"a": 1}}, "s" * 40, algorithm="HS256"),
    jwt.encode({"x": {"a": 1}}, "z" * 40, algorithm="HS256"),
    jwt.encode({"x": {"a": 1}}, "s" * 40, algorithm="HS256"),
    jwt.encode({"exp": 1, "user_info": {}}, "s" * 40, algorithm="HS256"),
):
    try:
        print(auth.parse_user_info_from_token(t, "s" * 40))
    except BaseException as e:
        print(type(e), e)

e = Forbidden(b"x")
print(e, e.status, e.message)


class M:
    def __init__(s, **k):
        s.__dict__.update(k)


u = auth.UserPasswordAuth({"a": "b", "c": 5})
print(u.checkers[0].users)
u = auth.UserPasswordAuth([("a", "b"), ("c", b"d")])
print(u.checkers[0].users)


class C(auth.CustomAuth):
    def check_credentials(s, u, p):
        return u == p


c = C()
c.requestAvatarId(M(username=b"a", password=b"a")).addBoth(print)
c.requestAvatarId(M(username=b"a", password=b"b")).addBoth(lambda f: print(f.type, f.value))
print(
    c.checkers == [c],
    c.credentialFactories[0].authenticationRealm,
    u.credentialFactories[1].authenticationRealm,
    [type(x).__name__ for x in u.credentialFactories],
    C.credentialInterfaces,
)
print(auth.CustomAuth.check_credentials(c, 1, 2))
auth.UserInfoProviderBase().getUserInfo("x").addBoth(print)
auth.AuthBase().maybeAutoLogin(None).addBoth(print)
a = auth.AuthBase()
a.reconfigAuth(5, 6)
print(a.master)
