"""Marks methods of our classes whose work the master does.

A user's class may override such a method, and its own code may call the inherited one. The
inherited one is then carried out by the master, for the object it was called on. This decorator
is the only place that knows how: it hands the call to ``buildbot._host.runtime``.
"""

import functools


class NotInPython(NotImplementedError):
    """A method was called in Python that only the master can carry out."""


def by_master(function):
    """Decorates a method without a body of its own; its signature is what users see."""

    @functools.wraps(function)
    def asking(self, *args, **kwargs):
        try:
            from buildbot._host.runtime import carry_out
        except ImportError:
            raise NotInPython(
                f"{function.__module__}.{function.__qualname__} is carried out by the master "
                "and cannot be called while a configuration is read"
            ) from None
        return carry_out(self, function.__name__, args, kwargs)

    asking._by_master = True
    return asking
