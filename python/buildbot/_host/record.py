"""Remembers how the objects of a configuration were made: where, and with which arguments.

Constructors of this package check their arguments and do nothing else; what they were given is
described to the master afterwards (``describe.py``). Two records are kept on each object:

``_made``
    ``(args, kwargs)`` of the call that the user wrote. A class of the user's own is made anew
    from them when it is needed again, a step for each build for example.
``_given``
    parameter name → value, as the constructor of the most derived class *of this package*
    received them; parameters left to their default are absent, further positional arguments
    stand under ``*name``. It is what the master carries out.

``_place`` is the (file name, line) of the user's call.
"""

import functools
import os
import sys

_FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What is not the user's: this package, the stand-ins, the script that starts the host.
_OURS = (
    os.path.join(_FOLDER, "buildbot") + os.sep,
    os.path.join(_FOLDER, "buildbot_worker") + os.sep,
    os.path.join(_FOLDER, "_standin") + os.sep,
    os.path.join(_FOLDER, "host.py"),
    "<frozen",
)
_VARARGS = 0x04


def caller():
    """The place that is being executed outside this package: (file name, line), or None."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_OURS):
            return (name, frame.f_lineno)
        frame = frame.f_back
    return None


class Described:
    """Base of everything that a configuration makes and the master carries out."""

    def __new__(cls, *args, **kwargs):
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__}() takes no arguments")
        self = object.__new__(cls)
        state = self.__dict__
        state["_made"] = (args, kwargs)
        state["_place"] = caller()
        return self


def recorded(function):
    """Decorates ``__init__`` or ``checkConfig`` of a class of this package.

    The outermost decorated call on an object fills ``_given``: what a class of this package
    passes on to its own base is not the user's choice.
    """
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount]
    varargs = None
    if code.co_flags & _VARARGS:
        varargs = "*" + code.co_varnames[code.co_argcount + code.co_kwonlyargcount]

    @functools.wraps(function)
    def remembering(self, *args, **kwargs):
        state = self.__dict__
        if "_given" not in state:
            given = dict(zip(names, args))
            if varargs is not None and len(args) > len(names):
                given[varargs] = args[len(names) :]
            given.update(kwargs)
            state["_given"] = given
        return function(self, *args, **kwargs)

    return remembering
