"""The connection to a WAMP router: the master's own, here by name only."""

from buildbot._host.internal import Internal, function


class MasterService(Internal):
    """Inside the master: master service."""


class WampConnector(Internal):
    """Inside the master: wamp connector."""


make = function(__name__, "make")
