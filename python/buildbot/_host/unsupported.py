"""Marks what can be configured but does not work in this master.

An object of a marked class is made as usual and stands in the list ``unsupported`` of the
description: ``checkconfig`` warns, starting the master is refused. A class that only code of
Buildbot itself would use is replaced by one that says so when it is used (`not_here`).
"""

from __future__ import annotations


def unsupported(cls):
    """Class decorator: objects of `cls` (and of its subclasses) do not work yet."""
    cls._unsupported = f"{cls.__module__}.{cls.__qualname__}"
    return cls


def supported(cls):
    """Class decorator: takes back the mark of a base class."""
    cls._unsupported = None
    return cls


class NotHere(Exception):
    """Something of Buildbot was used that does not exist in this master."""


def not_here(name, reason="", init=None):
    """A class of this dotted name that can be imported and subclassed but not instantiated.

    `init` is a function with the parameters that its constructor would have.
    """
    module, _, qualname = name.rpartition(".")
    told = f"{name} does not exist in this master" + (f": {reason}" if reason else "")

    def __init__(self, *args, **kwargs):
        raise NotHere(told)

    if init is not None:
        __init__.__wrapped__ = init
    return type(qualname, (), {"__module__": module, "__init__": __init__, "__doc__": told})


def not_here_function(name, reason=""):
    """A function of this dotted name that says so when it is called."""
    told = f"{name} does not exist in this master" + (f": {reason}" if reason else "")

    def refuse(*args, **kwargs):
        raise NotHere(told)

    refuse.__name__ = name.rpartition(".")[2]
    refuse.__doc__ = told
    return refuse
