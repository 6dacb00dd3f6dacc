"""Steps that make a request over HTTP, from the master."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process.buildstep import FAILURE, SUCCESS, BuildStep

__all__ = [
    "BuildStep",
    "DELETE",
    "FAILURE",
    "GET",
    "HEAD",
    "HTTPStep",
    "OPTIONS",
    "POST",
    "PUT",
    "SUCCESS",
    "closeSession",
    "getSession",
    "setSession",
]

__getattr__ = elsewhere(__name__, "config defer reactor")

_session = None


def getSession():
    """The session of requests that Python code shares."""
    global _session
    if _session is None:
        import txrequests

        _session = txrequests.Session()
    return _session


def setSession(session):
    global _session
    _session = session


def closeSession():
    global _session
    if _session is not None:
        _session.close()
        _session = None


def _headerSet(headers):
    """Names of headers compare without regard to case."""
    return frozenset(name.casefold() for name in headers or ())


class HTTPStep(BuildStep):
    """Makes a request; succeeds when the answer says so."""

    name = "HTTPStep"
    description = "Requesting"
    descriptionDone = "Requested"
    requestsParams = [
        "params",
        "data",
        "json",
        "headers",
        "cookies",
        "files",
        "auth",
        "timeout",
        "allow_redirects",
        "proxies",
        "hooks",
        "stream",
        "verify",
        "cert",
    ]
    renderables = [*requestsParams, "method", "url"]
    session = None

    @recorded
    def __init__(
        self, url, method, hide_request_headers=None, hide_response_headers=None, **kwargs
    ):
        if method not in ("POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
            config_error(f"Wrong method given: '{method}' is not known")
        self.url = url
        self.method = method
        self.hide_request_headers = _headerSet(hide_request_headers)
        self.hide_response_headers = _headerSet(hide_response_headers)
        for param in self.requestsParams:
            setattr(self, param, kwargs.pop(param, None))
        super().__init__(**kwargs)

    @runtime.native
    def run(self):
        """Makes the request."""

    @runtime.native
    def log_response(self, log, response):
        """Writes the answer into the log."""


class POST(HTTPStep):
    """A request of this method."""

    @recorded
    def __init__(self, url, **kwargs):
        super().__init__(url, method="POST", **kwargs)


class GET(HTTPStep):
    """A request of this method."""

    @recorded
    def __init__(self, url, **kwargs):
        super().__init__(url, method="GET", **kwargs)


class PUT(HTTPStep):
    """A request of this method."""

    @recorded
    def __init__(self, url, **kwargs):
        super().__init__(url, method="PUT", **kwargs)


class DELETE(HTTPStep):
    """A request of this method."""

    @recorded
    def __init__(self, url, **kwargs):
        super().__init__(url, method="DELETE", **kwargs)


class HEAD(HTTPStep):
    """A request of this method."""

    @recorded
    def __init__(self, url, **kwargs):
        super().__init__(url, method="HEAD", **kwargs)


class OPTIONS(HTTPStep):
    """A request of this method."""

    @recorded
    def __init__(self, url, **kwargs):
        super().__init__(url, method="OPTIONS", **kwargs)
