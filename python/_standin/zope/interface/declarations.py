"""Another place to import the same things from."""

from zope.interface._interfaces import (
    alsoProvides,
    classImplements,
    directlyProvides,
    implementedBy,
    implementer,
    provider,
    providedBy,
)

__all__ = [
    "alsoProvides",
    "classImplements",
    "directlyProvides",
    "implementedBy",
    "implementer",
    "provider",
    "providedBy",
]
