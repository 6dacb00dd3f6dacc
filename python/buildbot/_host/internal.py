"""For names of the master's own workings that code of users imports.

The master does this work itself, not in Python. Its classes can be imported, named and extended
here, and its exceptions caught; whoever makes an instance or calls something is told the name.
"""

from __future__ import annotations


class NotInPython(NotImplementedError):
    """Something was used in Python that only exists inside the master."""


class _NoSuchMember(NotInPython, AttributeError):
    pass


def _told(name):
    return f"{name} is the master's own and cannot be used from Python"


class _InternalType(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise _NoSuchMember(_told(f"{cls.__module__}.{cls.__qualname__}.{name}"))


class Internal(metaclass=_InternalType):
    """Base of the classes that only exist inside the master."""

    def __new__(cls, *args, **kwargs):
        raise NotInPython(_told(f"{cls.__module__}.{cls.__qualname__}"))


def function(module, name):
    """A function that only exists inside the master."""

    def refusing(*args, **kwargs):
        raise NotInPython(_told(f"{module}.{name}"))

    refusing.__name__ = refusing.__qualname__ = name
    refusing.__module__ = module
    return refusing
