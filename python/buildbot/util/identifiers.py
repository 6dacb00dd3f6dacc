"""Short names that the database and the web interface can use."""

from __future__ import annotations

import re

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "util")

ident_re = re.compile("^[a-zA-Z\u00a0-\U0010ffff_-][a-zA-Z0-9\u00a0-\U0010ffff_-]*$")
initial_re = re.compile("^[^a-zA-Z_-]")
subsequent_re = re.compile("[^a-zA-Z0-9_-]")
trailing_digits_re = re.compile("_([0-9]+)$")


def isIdentifier(maxLength, obj):
    return isinstance(obj, str) and 0 < len(obj) <= maxLength and bool(ident_re.match(obj))


def forceIdentifier(maxLength, s):
    """An identifier as much like the text as possible."""
    if not isinstance(s, str):
        raise TypeError(f"{str} cannot be coerced to an identifier")
    if isIdentifier(maxLength, s):
        return s
    return subsequent_re.sub("_", initial_re.sub("_", s))[:maxLength]


def incrementIdentifier(maxLength, ident):
    """The next in the row x, x_2, x_3; the start is cut where the number needs room."""
    number = 1
    found = trailing_digits_re.search(ident)
    if found is not None:
        number = int(found.group(1))
        ident = ident[: found.start()]
    ending = f"_{number + 1}"
    ident = ident[: max(0, maxLength - len(ending))] + ending
    if len(ident) > maxLength:
        raise ValueError("cannot generate a larger identifier")
    return ident
