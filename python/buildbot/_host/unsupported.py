"""Marks what can be configured but does not work in this master.

An object of a marked class is made as usual and stands in the list ``unsupported`` of the
description: ``checkconfig`` warns, starting the master is refused. For what only code of Buildbot
itself would use there is ``internal.py``.
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
