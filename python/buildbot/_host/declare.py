"""Says which interfaces of ``buildbot.interfaces`` a class provides, without importing that module.

It needs zope.interface, which is slow to import and of no use to most configurations. When
``buildbot.interfaces`` is imported after all, it applies what was declared here.
"""

import sys

_declared = []


def provides(*interfaces):
    """Class decorator: instances provide the interfaces of these names."""

    def declare(cls):
        module = sys.modules.get("buildbot.interfaces")
        apply = getattr(module, "_apply", None)
        if apply is None:
            _declared.append((cls, interfaces))
        else:
            apply(cls, interfaces)
        return cls

    return declare


def take_declared():
    """What was declared so far, to be applied once: a list of (class, interface names)."""
    taken = list(_declared)
    _declared.clear()
    return taken
