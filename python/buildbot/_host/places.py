"""Which code is the user's, and where in it something happened."""

from __future__ import annotations

import os
import sys

from buildbot._host.record import _OURS

_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_SITE = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def is_ours(filename):
    """Whether a file belongs to this package, its stand-ins or the host."""
    return filename.startswith(_OURS)


def _is_users(filename):
    if is_ours(filename) or filename.startswith("<"):
        return False
    return not filename.startswith(_STDLIB) or any(part in filename for part in _SITE)


def is_in_users(frame):
    """Whether user code is among what `frame` was called by; the loop of Twisted is not."""
    inside = os.sep + "twisted" + os.sep
    while frame is not None:
        filename = frame.f_code.co_filename
        if _is_users(filename) and inside not in filename:
            return True
        frame = frame.f_back
    return False


def running_place(depth=1):
    """The place that user code executes now: (file name, line), or None."""
    frame = sys._getframe(depth)
    while frame is not None:
        if _is_users(frame.f_code.co_filename):
            return (frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def raised_place(error):
    """The last place inside user code that `error` came through, or None."""
    if isinstance(error, SyntaxError) and error.filename:
        return (error.filename, error.lineno or 1)
    place = last = None
    traceback = error.__traceback__
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if _is_users(filename):
            place = (filename, traceback.tb_lineno)
        elif not is_ours(filename):
            last = (filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place or last


def users_traceback(error):
    """The text of the stack of `error` without the places inside this package."""
    import traceback

    told = traceback.TracebackException.from_exception(error)
    _leave_out_ours(told, set())
    text = "".join(told.format())
    # Python leaves the first line out when no place is left.
    first = "Traceback (most recent call last):\n"
    return text if first in text else first + text


def _leave_out_ours(told, seen):
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    theirs = [frame for frame in told.stack if not is_ours(frame.filename)]
    # What this package raised by itself keeps its places.
    if theirs or issubclass(told.exc_type, SyntaxError):
        told.stack[:] = theirs
    _leave_out_ours(told.__cause__, seen)
    _leave_out_ours(told.__context__, seen)


def place_of_function(function):
    """Where a function was defined: (file name, line), or None."""
    function = getattr(function, "__func__", function)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    return (code.co_filename, code.co_firstlineno)
