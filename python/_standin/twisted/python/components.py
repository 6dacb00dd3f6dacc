"""Adapters."""


def registerAdapter(adapterFactory, origInterface, *interfaceClasses):
    from zope.interface import _register_adapter

    for interface in interfaceClasses:
        _register_adapter(adapterFactory, origInterface, interface)


class Componentized:
    pass
