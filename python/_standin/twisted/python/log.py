"""Log lines go to standard error, where the master reads them."""

import sys

observers = []


def _write(text):
    for observer in list(observers):
        observer({"message": (text,), "isError": 0, "system": "-", "time": 0})
    print(text, file=sys.stderr, flush=True)


def msg(*message, **kw):
    if not message and "format" in kw:
        message = (kw["format"] % kw,)
    _write(" ".join(str(part) for part in message))


def err(_stuff=None, _why=None, **kw):
    from twisted.python.failure import Failure

    if _why:
        _write(str(_why))
    if _stuff is None:
        if sys.exc_info()[1] is None:
            return
        _stuff = Failure()
    elif isinstance(_stuff, Exception):
        _stuff = Failure(_stuff)
    if isinstance(_stuff, Failure):
        _write(_stuff.getTraceback().rstrip("\n"))
    else:
        _write(repr(_stuff))


deferr = err


def addObserver(other):
    observers.append(other)


def removeObserver(other):
    if other in observers:
        observers.remove(other)


def callWithLogger(logger, func, *args, **kw):
    return func(*args, **kw)


def callWithContext(ctx, func, *args, **kw):
    return func(*args, **kw)


class Logger:
    def logPrefix(self):
        return "-"
