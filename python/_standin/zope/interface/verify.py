"""Checks objects and classes against interfaces."""

from zope.interface.exceptions import BrokenImplementation, DoesNotImplement


def verifyObject(iface, candidate, tentative=False):
    if not tentative and not iface.providedBy(candidate):
        raise DoesNotImplement(iface, candidate)
    return _has_all(iface, candidate)


def verifyClass(iface, candidate, tentative=False):
    if not tentative and not iface.implementedBy(candidate):
        raise DoesNotImplement(iface, candidate)
    return _has_all(iface, candidate, methods_only=True)


def _has_all(iface, candidate, methods_only=False):
    for name, what in iface.namesAndDescriptions(all=True):
        if methods_only and not what.is_method:
            continue
        if not hasattr(candidate, name):
            raise BrokenImplementation(iface, name, candidate)
    return True
