"""WebSockets: the master's own, here by name only."""

from buildbot._host.internal import Internal, function


class Subscription(Internal):
    """Inside the master: subscription."""


class WsProtocol(Internal):
    """Inside the master: ws protocol."""


class WsProtocolFactory(Internal):
    """Inside the master: ws protocol factory."""


class WsResource(Internal):
    """Inside the master: ws resource."""


parse_cookies = function(__name__, "parse_cookies")
get_ws_sitepath = function(__name__, "get_ws_sitepath")
