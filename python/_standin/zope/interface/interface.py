"""Another place to import the same things from."""

from zope.interface._interfaces import (
    Attribute,
    Interface,
    InterfaceClass,
    Method,
    adapter_hooks,
)

__all__ = ["Attribute", "Interface", "InterfaceClass", "Method", "adapter_hooks"]
