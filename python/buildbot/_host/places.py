"""Which code is the user's, and where in it something happened."""

from __future__ import annotations

import os
import sys

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_SITE = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def is_ours(filename):
    """Whether a file belongs to this package, its stand-ins or the host."""
    return filename.startswith(_OURS) or filename.startswith("<frozen")


def _is_users(filename):
    if is_ours(filename) or filename.startswith("<"):
        return False
    return not filename.startswith(_STDLIB) or any(part in filename for part in _SITE)


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
    """The text of the stack of `error`, from the first place outside of this package on."""
    import traceback

    start = error.__traceback__
    while start is not None and is_ours(start.tb_frame.f_code.co_filename):
        start = start.tb_next
    if start is None and error.__traceback__ is not None:
        # Raised by this package for a call that user code did not make.
        if not isinstance(error, SyntaxError):
            start = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, start))


def place_of_function(function):
    """Where a function was defined: (file name, line), or None."""
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    return (code.co_filename, code.co_firstlineno)
