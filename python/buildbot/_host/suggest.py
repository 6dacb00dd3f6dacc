"""Says which keyword was probably meant when a call had one that nobody knows."""

from __future__ import annotations

import sys

from buildbot._host.record import Described

_METHODS = ("__init__", "checkConfig")


def keyword_help(error):
    """``did you mean 'name'?`` for a TypeError about an unknown keyword, else None."""
    found = unknown_keyword(error)
    if found is None:
        return None
    import difflib

    unknown, known = found
    near = difflib.get_close_matches(unknown, known, 1)
    return f"did you mean '{near[0]}'?" if near else None


def unknown_keyword(error):
    """The keyword that a TypeError is about, and those that there are; None if it is about another thing."""
    if not isinstance(error, TypeError):
        return None
    _, found, rest = str(error).partition("got an unexpected keyword argument '")
    unknown = rest.partition("'")[0]
    if not found or not unknown:
        return None
    made = _made_by(error.__traceback__)
    cls = _class_named(str(error)) if made is None else type(made)
    return None if cls is None else (unknown, sorted(known_keywords(cls)))


def known_keywords(cls):
    """Names of the parameters with which `cls` can be made."""
    known = {"name"} if hasattr(cls, "checkConfig") else set()
    for base in cls.__mro__:
        for method in _METHODS:
            function = base.__dict__.get(method)
            code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
            if code is not None:
                count = code.co_argcount + code.co_kwonlyargcount
                known.update(code.co_varnames[1:count])
    return known


def _class_named(message):
    """The class of ours whose constructor a message names, when none of its code was reached."""
    name = message.partition(".__init__()")[0]
    for module in list(sys.modules):
        if module.startswith("buildbot."):
            found = vars(sys.modules[module]).get(name)
            if isinstance(found, type) and found.__module__ == module:
                return found
    return None


def _made_by(traceback):
    """The object that was being made: the first `self` of ours below the user's code."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_argcount and code.co_varnames[0] == "self":
            made = traceback.tb_frame.f_locals.get("self")
            if isinstance(made, Described):
                return made
        traceback = traceback.tb_next
    return None
