"""Problems of a configuration, collected while it is read."""

import contextlib

from buildbot._host.record import caller


class ConfigErrors(Exception):
    """One problem or more. ``places`` holds the place of each error: (file name, line) or None."""

    def __init__(self, errors=None):
        self.errors = list(errors) if errors else []
        self.places = [None] * len(self.errors)

    def __str__(self):
        return "\n".join(self.errors)

    def __bool__(self):
        return bool(self.errors)

    def addError(self, msg):
        self.errors.append(msg)
        self.places.append(caller())

    def merge(self, errors):
        self.errors.extend(errors.errors)
        places = list(getattr(errors, "places", ()))
        self.places.extend(places[: len(errors.errors)])
        self.places.extend([None] * (len(self.errors) - len(self.places)))


_capture = None


@contextlib.contextmanager
def capture_config_errors(raise_on_error=False):
    """While active, `error` collects instead of raising. Yields the `ConfigErrors` that fills.

    `ConfigErrors` that are raised all the same end the block and are collected as well.
    """
    global _capture
    before = _capture
    _capture = errors = ConfigErrors()
    try:
        yield errors
    except ConfigErrors as raised:
        errors.merge(raised)
    finally:
        _capture = before
    if raise_on_error and errors:
        raise errors


def error(error, always_raise=False):
    """Reports a problem of the configuration; returns normally while problems are collected."""
    if _capture is None or always_raise:
        raised = ConfigErrors()
        raised.addError(error)
        raise raised
    _capture.addError(error)
