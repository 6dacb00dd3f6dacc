"""Perspective Broker. The classes need Twisted and are made when somebody asks for them."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.util import bytes2unicode

_LAZY = ("NewCredPerspective", "ReconnectingPBClientFactory")


def _make():
    from twisted.internet import protocol
    from twisted.python import log
    from twisted.spread import pb

    class NewCredPerspective(pb.Avatar):
        """What a client that logged in may call."""

        def attached(self, mind):
            return self

        def detached(self, mind):
            pass

    class ReconnectingPBClientFactory(pb.PBClientFactory, protocol.ReconnectingClientFactory):
        """A client that logs in again when the connection was lost."""

        def __init__(self):
            super().__init__()
            self._doingLogin = False
            self._doingGetPerspective = False

        def clientConnectionFailed(self, connector, reason):
            super().clientConnectionFailed(connector, reason)
            protocol.ReconnectingClientFactory.clientConnectionFailed(self, connector, reason)

        def clientConnectionLost(self, connector, reason):
            pb.PBClientFactory.clientConnectionLost(self, connector, reason, reconnecting=True)
            protocol.ReconnectingClientFactory.clientConnectionLost(self, connector, reason)

        def clientConnectionMade(self, broker):
            self.resetDelay()
            super().clientConnectionMade(broker)
            if self._doingLogin:
                self.doLogin(self._root)
            if self._doingGetPerspective:
                self.doGetPerspective(self._root)
            self.gotRootObject(self._root)

        def getPerspective(self, *args):
            raise RuntimeError("getPerspective is one-shot: use startGettingPerspective instead")

        def startGettingPerspective(
            self, username, password, serviceName, perspectiveName=None, client=None
        ):
            self._doingGetPerspective = True
            perspective = username if perspectiveName is None else perspectiveName
            self._oldcredArgs = (username, password, serviceName, perspective, client)

        def doGetPerspective(self, root):
            username, password, service, perspective, client = self._oldcredArgs
            asked = self._cbAuthIdentity(root, username, password)
            asked.addCallback(self._cbGetPerspective, service, perspective, client)
            asked.addCallbacks(self.gotPerspective, self.failedToGetPerspective)

        def login(self, *args):
            raise RuntimeError("login is one-shot: use startLogin instead")

        def startLogin(self, credentials, client=None):
            self._credentials = credentials
            self._client = client
            self._doingLogin = True

        def doLogin(self, root):
            credentials = self._credentials
            asked = self._cbSendUsername(
                root, credentials.username, credentials.password, self._client
            )
            asked.addCallbacks(self.gotPerspective, self.failedToGetPerspective)

        def gotPerspective(self, perspective):
            """The login succeeded; for subclasses."""

        def gotRootObject(self, root):
            """There is a connection; for subclasses."""

        def failedToGetPerspective(self, why):
            log.msg("ReconnectingPBClientFactory.failedToGetPerspective")
            if why.check(pb.PBConnectionLost):
                log.msg("we lost the brand-new connection")
                return
            self.stopTrying()
            log.err(why, "ReconnectingPBClientFactory.failedToGetPerspective")

    for made in (NewCredPerspective, ReconnectingPBClientFactory):
        made.__module__, made.__qualname__ = __name__, made.__name__
        globals()[made.__name__] = made


_elsewhere = elsewhere(__name__, "log protocol")


def __getattr__(name):
    if name not in _LAZY:
        return _elsewhere(name)
    _make()
    return globals()[name]


def decode(data, encoding="utf-8", errors="strict"):
    """Decodes all bytes in nested dictionaries, lists and tuples."""
    if isinstance(data, dict):
        return {decode(k, encoding, errors): decode(v, encoding, errors) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)([decode(one, encoding, errors) for one in data])
    if isinstance(data, bytes):
        return bytes2unicode(data, encoding, errors)
    return data
