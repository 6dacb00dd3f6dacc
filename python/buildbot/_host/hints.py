"""Finds the names that would have been right where a configuration used a wrong one.

Only called when a configuration has failed; the master picks the nearest of them.
"""

from __future__ import annotations

import builtins
import re

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
    from buildbot._host.suggest import unknown_keyword

    found = unknown_keyword(error)
    return None if found is None else {"name": found[0], "known": found[1]}


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
