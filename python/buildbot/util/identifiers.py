"""Names that may stand in addresses and paths: letters, digits, `_` and `-`, no digit first."""

from __future__ import annotations

import re

# Beyond ASCII everything from U+00A0 on is good.
_OTHERS = "\xa0-\U0010ffff"

ident_re = re.compile(f"^[a-zA-Z{_OTHERS}_-][a-zA-Z0-9{_OTHERS}_-]*$")
initial_re = re.compile("^[^a-zA-Z_-]")
subsequent_re = re.compile("[^a-zA-Z0-9_-]")
trailing_digits_re = re.compile("_([0-9]+)$")


def isIdentifier(maxLength, obj):
    if not isinstance(obj, str) or len(obj) > maxLength:
        return False
    return bool(ident_re.match(obj))


def forceIdentifier(maxLength, s):
    """An identifier made of `s`: what is no good in it becomes `_`."""
    if not isinstance(s, str):
        raise TypeError(f"{str!r} cannot be coerced to an identifier")
    if isIdentifier(maxLength, s):
        return s
    return subsequent_re.sub("_", initial_re.sub("_", s))[:maxLength]


def incrementIdentifier(maxLength, ident):
    """The next of a row of identifiers: a, a_2, a_3 …"""
    number = 1
    found = trailing_digits_re.search(ident)
    if found:
        number = int(found.group(1))
        ident = ident[: found.start()]
    ending = f"_{number + 1}"
    if len(ending) > maxLength:
        raise ValueError("cannot generate a larger identifier")
    return ident[: maxLength - len(ending)] + ending
