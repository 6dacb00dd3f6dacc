"""Requests to web servers, for reporters and other services of users.

Requests run in threads, by the standard library: nothing has to be installed for them.
"""

from __future__ import annotations

import json as jsonmodule

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere
from buildbot.util import service, toJson, unicode2bytes

__getattr__ = elsewhere(__name__, "IHttpResponse defer implementer")


class _Response:
    """An answer that was read completely."""

    def __init__(self, code, url, headers, body):
        self.code = code
        self.url = url
        self.headers = headers
        self._body = body

    def content(self):
        return defer_module().succeed(self._body)

    def json(self):
        try:
            return defer_module().succeed(jsonmodule.loads(self._body))
        except ValueError as problem:
            return defer_module().fail(problem)


class TxRequestsResponseWrapper:
    """An answer of the library txrequests."""

    def __init__(self, res):
        self._res = res

    def content(self):
        return defer_module().succeed(self._res.content)

    def json(self):
        return defer_module().succeed(self._res.json())

    @property
    def code(self):
        return self._res.status_code

    @property
    def url(self):
        return self._res.url


class TreqResponseWrapper:
    """An answer of the library treq."""

    def __init__(self, res):
        self._res = res

    def content(self):
        return self._res.content()

    def json(self):
        return self._res.json()

    @property
    def code(self):
        return self._res.code

    @property
    def url(self):
        return self._res.request.absoluteURI.decode()


class HTTPClientService(service.SharedService):
    """Sends requests to one server: `yield HTTPClientService.getService(master, base_url)`."""

    PREFER_TREQ = False
    MAX_THREADS = 20

    def __init__(
        self,
        base_url,
        auth=None,
        headers=None,
        verify=None,
        cert=None,
        debug=False,
        skipEncoding=False,
    ):
        super().__init__()
        self._session = HTTPSession(
            self,
            base_url,
            auth=auth,
            headers=headers,
            verify=verify,
            cert=cert,
            debug=debug,
            skip_encoding=skipEncoding,
        )

    def updateHeaders(self, headers):
        self._session.update_headers(headers)

    @staticmethod
    def checkAvailable(from_module):
        """Nothing is missing: the standard library does it."""

    def _do_request(self, session, method, ep, **kwargs):
        from twisted.internet import threads

        url, kwargs = self._prepare_request(session, ep, kwargs)
        return threads.deferToThread(_request, session, method, url, **kwargs)

    def _prepare_request(self, session, ep, kwargs):
        """The whole address, and the arguments with everything that the session adds."""
        if ep.startswith(("http://", "https://")):
            url = ep
        else:
            assert ep == "" or ep.startswith("/"), "ep should start with /: " + ep
            url = session.base_url + ep
        if session.auth is not None and "auth" not in kwargs:
            kwargs["auth"] = session.auth
        headers = kwargs.get("headers", {})
        if session.headers is not None:
            headers.update(session.headers)
        kwargs["headers"] = headers
        json = kwargs.pop("json", None)
        if isinstance(json, (dict, list)):
            text = jsonmodule.dumps(json, default=toJson)
            headers["Content-Type"] = "application/json"
            kwargs["data"] = text if session.skip_encoding else unicode2bytes(text)
        return url, kwargs

    def get(self, ep, **kwargs):
        return self._do_request(self._session, "get", ep, **kwargs)

    def put(self, ep, **kwargs):
        return self._do_request(self._session, "put", ep, **kwargs)

    def delete(self, ep, **kwargs):
        return self._do_request(self._session, "delete", ep, **kwargs)

    def post(self, ep, **kwargs):
        return self._do_request(self._session, "post", ep, **kwargs)


class HTTPSession:
    """What requests to one server have in common: address, login, headers."""

    def __init__(
        self,
        http,
        base_url,
        auth=None,
        headers=None,
        verify=None,
        cert=None,
        debug=False,
        skip_encoding=False,
    ):
        assert not base_url.endswith("/"), "baseurl should not end with /: " + base_url
        self.http = http
        self.base_url = base_url
        self.auth = auth
        self.headers = headers
        self.pool = None
        self.verify = verify
        self.cert = cert
        self.debug = debug
        self.skip_encoding = skip_encoding

    def update_headers(self, headers):
        if self.headers is None:
            self.headers = {}
        self.headers.update(headers)

    def get(self, ep, **kwargs):
        return self.http._do_request(self, "get", ep, **kwargs)

    def put(self, ep, **kwargs):
        return self.http._do_request(self, "put", ep, **kwargs)

    def delete(self, ep, **kwargs):
        return self.http._do_request(self, "delete", ep, **kwargs)

    def post(self, ep, **kwargs):
        return self.http._do_request(self, "post", ep, **kwargs)


def _request(session, method, url, headers=None, auth=None, data=None, params=None, timeout=60):
    """Sends one request and reads its answer; runs in a thread."""
    import base64
    import ssl
    import urllib.error
    import urllib.parse
    import urllib.request

    if params:
        url += ("&" if "?" in url else "?") + urllib.parse.urlencode(params, doseq=True)
    headers = dict(headers or {})
    if auth is not None:
        pair = ":".join(auth).encode("utf-8")
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
    if isinstance(data, dict):
        data = urllib.parse.urlencode(data)
    context = None
    if url.startswith("https:"):
        given = session.verify if isinstance(session.verify, str) else None
        context = ssl.create_default_context(cafile=given)
        if session.verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if session.cert is not None:
            pair = session.cert if isinstance(session.cert, (list, tuple)) else (session.cert,)
            context.load_cert_chain(*pair)
    request = urllib.request.Request(
        url, data=unicode2bytes(data), headers=headers, method=method.upper()
    )
    try:
        answer = urllib.request.urlopen(request, timeout=timeout, context=context)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return _Response(answer.status, answer.url, answer.headers, answer.read())
