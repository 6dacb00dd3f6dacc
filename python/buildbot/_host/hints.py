"""Finds the names that would have been right where a configuration used a wrong one.

Only called when a configuration has failed; the master picks the nearest of them.
"""

from __future__ import annotations

import builtins
import re
import sys

from buildbot._host.record import Described

_METHODS = ("__init__", "checkConfig", "reconfigService")
_UNEXPECTED = re.compile(
    r"^(?:(?P<owner>[\w.]+)\.)?(?P<function>\w+)\(\) got an unexpected keyword argument '(?P<name>\w+)'"
)


def wrong_name(error):
    """``{"name": the wrong name, "known": the right ones}``, or None if there is nothing to say."""
    try:
        if isinstance(error, TypeError):
            return _keyword(error)
        if isinstance(error, NameError):
            return _variable(error)
        if isinstance(error, AttributeError):
            return _attribute(error)
    except Exception:
        # A hint is not worth a second problem.
        return None
    return None


def _keyword(error):
    found = _UNEXPECTED.match(str(error))
    if found is None:
        return None
    made = _made_by(error.__traceback__)
    # Python 3.9 does not name the class.
    if found["owner"] is None and (made is None or found["function"] not in _METHODS):
        return None
    known = set()
    for cls in _classes(found["owner"]) if made is None else (type(made),):
        for base in cls.__mro__:
            for method in _METHODS:
                known.update(_parameters(vars(base).get(method)))
        if hasattr(cls, "checkConfig"):
            known.add("name")
    known.discard("self")
    return {"name": found["name"], "known": sorted(known)} if known else None


def _made_by(traceback):
    """The object that was being made: the first `self` of our package below the user's code."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_argcount and code.co_varnames[0] == "self":
            made = traceback.tb_frame.f_locals.get("self")
            if isinstance(made, Described):
                return made
        traceback = traceback.tb_next
    return None


def _classes(qualname):
    for name, module in list(sys.modules.items()):
        if name.startswith("buildbot."):
            found = module
            for part in qualname.split("."):
                found = vars(found).get(part) if hasattr(found, "__dict__") else None
            if isinstance(found, type):
                yield found


def _parameters(function):
    function = getattr(function, "__wrapped__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return ()
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _variable(error):
    found = re.match(r"^name '(\w+)' is not defined", str(error))
    traceback = error.__traceback__
    if found is None or traceback is None:
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame
    known = {*frame.f_locals, *frame.f_globals, *vars(builtins)}
    return {"name": found[1], "known": sorted(known)}


def _attribute(error):
    # Python 3.10 and newer say what was asked for which attribute.
    thing = getattr(error, "obj", None)
    name = getattr(error, "name", None)
    if thing is None or not isinstance(name, str):
        return None
    names = getattr(thing, "names", None) if hasattr(thing, "info_all") else dir(thing)
    return {"name": name, "known": [known for known in names if not known.startswith("_")]}
