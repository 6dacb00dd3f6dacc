"""Interfaces: who says that it provides what."""

from zope.interface._interfaces import (
    Attribute,
    Interface,
    InterfaceClass,
    Method,
    _register_adapter,
    alsoProvides,
    classImplements,
    classImplementsOnly,
    directlyProvides,
    implementedBy,
    implementer,
    implementer_only,
    invariant,
    moduleProvides,
    noLongerProvides,
    provider,
    providedBy,
    taggedValue,
)
from zope.interface.exceptions import Invalid

__all__ = [
    "Attribute",
    "Interface",
    "InterfaceClass",
    "Invalid",
    "Method",
    "alsoProvides",
    "classImplements",
    "classImplementsOnly",
    "directlyProvides",
    "implementedBy",
    "implementer",
    "implementer_only",
    "invariant",
    "moduleProvides",
    "noLongerProvides",
    "provider",
    "providedBy",
    "taggedValue",
]
