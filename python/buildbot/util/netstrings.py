"""Reads netstrings. The classes need Twisted and are made when somebody asks for them."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere

_LAZY = ("NetstringParser", "NullAddress", "NullTransport")


def _make():
    from twisted.internet.interfaces import IAddress, ITransport
    from twisted.protocols import basic
    from zope.interface import implementer

    from buildbot.util import unicode2bytes

    @implementer(IAddress)
    class NullAddress:
        """No address."""

    @implementer(ITransport)
    class NullTransport:
        """Takes everything and sends nothing."""

        def write(self, data):
            raise NotImplementedError

        def writeSequence(self, data):
            raise NotImplementedError

        def loseConnection(self):
            pass

        def getPeer(self):
            return NullAddress()

        def getHost(self):
            return NullAddress()

    class NetstringParser(basic.NetstringReceiver):
        """Is fed with bytes and collects the strings, or gives them to `stringReceived`."""

        def __init__(self):
            self.makeConnection(NullTransport())
            self.strings = []

        def feed(self, data):
            self.dataReceived(unicode2bytes(data))
            if self.brokenPeer:
                raise basic.NetstringParseError

        def stringReceived(self, string):
            self.strings.append(string)

    for made in (NullAddress, NullTransport, NetstringParser):
        made.__module__, made.__qualname__ = __name__, made.__name__
        globals()[made.__name__] = made


_elsewhere = elsewhere(__name__, "implementer unicode2bytes")


def __getattr__(name):
    if name not in _LAZY:
        return _elsewhere(name)
    _make()
    return globals()[name]
