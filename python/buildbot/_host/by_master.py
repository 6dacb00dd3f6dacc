"""Marks methods of services whose work the master does.

A user's class may override such a method, and its own code may call the inherited one. The
inherited one is then carried out by the master, for the object it was called on: through the
session of that object (``runtime.py``), which it has while the master runs it.
"""

import functools


class NotInPython(NotImplementedError):
    """A method was called in Python that only the master can carry out."""


def by_master(function):
    """Decorates a method without a body of its own; its signature is what users see."""
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount]
    full_name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def asking(self, *args, **kwargs):
        if getattr(self, "_session", None) is None:
            raise NotInPython(f"{full_name} is carried out by the master, which does not run yet")
        from buildbot._host.runtime import ask

        given = dict(zip(names, args))
        given.update(kwargs)
        return ask(self, function.__name__, of=full_name, given=given)

    return asking


def with_private(*names):
    """Class decorator: adds methods of these names, carried out by the master.

    They are no part of the documented interface, but classes of users override them all the
    same; the description then says so.
    """

    def extend(cls):
        for name in names:
            setattr(cls, name, _private(cls, name))
        return cls

    return extend


def _private(cls, name):
    def method(self, *args, **kwargs): ...

    method.__module__ = cls.__module__
    method.__name__ = name
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    return by_master(method)
