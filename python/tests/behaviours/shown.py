"""Prints what calls end with, in a form that two interpreters can be compared by."""

from twisted.internet import defer


def outcome(label, function):
    """Calls `function` and prints its result or exception; Deferreds have to have fired."""
    try:
        result = function()
        if isinstance(result, defer.Deferred):
            fired = []
            result.addBoth(fired.append)
            result = fired[0] if fired else "PENDING"
            if hasattr(result, "getErrorMessage"):
                result = f"FAIL {result.type.__name__} {result.value}"
        print(label, repr(result))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is compared
        print(label, "!!", type(error).__name__, error)
