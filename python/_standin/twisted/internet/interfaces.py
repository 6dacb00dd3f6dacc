"""Interfaces that classes say they provide; names only."""

from zope.interface import Interface


class IAddress(Interface):
    """An address."""


class ITransport(Interface):
    """What carries bytes."""


class IProcessTransport(ITransport):
    """What carries bytes to a program."""


class IConsumer(Interface):
    """Takes bytes."""


class IProducer(Interface):
    """Gives bytes."""


class IPushProducer(IProducer):
    """Gives bytes when it has some."""


class IPullProducer(IProducer):
    """Gives bytes when it is asked."""


class IProtocol(Interface):
    """Understands bytes."""


class IProtocolFactory(Interface):
    """Makes protocols."""


class IProcessProtocol(Interface):
    """Understands what a program says."""


class IDelayedCall(Interface):
    """A call that will be made later."""


class IReactorTime(Interface):
    """Makes calls later."""


class IReactorThreads(Interface):
    """Makes calls in threads."""


class IReactorCore(Interface):
    """An event loop."""
