"""What the master may ask, and how user code is called for it."""

from __future__ import annotations

from buildbot._host.deferreds import is_pending
from buildbot._host.places import raised_place, users_traceback


class BrokenOff(BaseException):
    """Raised inside user code that the master has broken off."""


class Refused(Exception):
    """A question that makes no sense here."""


def error_of(error):
    """The description of an exception as the answer to a question."""
    if isinstance(error, BrokenOff):
        kind = "deadline"
    elif isinstance(error, SystemExit):
        kind = "exit"
    elif isinstance(error, Refused):
        kind = "refused"
    else:
        kind = "exception"
    cls = type(error)
    try:
        message = str(error)
    except Exception:
        message = "<its text cannot be told>"
    place = raised_place(error)
    try:
        traceback = "" if kind == "refused" else users_traceback(error)
    except Exception:
        traceback = ""
    return {
        "kind": kind,
        "type": f"{cls.__module__}.{cls.__qualname__}",
        "message": message,
        "traceback": traceback,
        "at": None if place is None else list(place),
    }


class Result:
    """What came of a question: a description, or a Deferred and what makes one of its result."""

    __slots__ = ("value", "objects", "deferred", "sent", "_described")

    def __init__(self, value=None, deferred=None, described=None, sent=None):
        self.value = value
        self.sent = sent
        self.objects = None
        self.deferred = deferred
        self._described = described

    def settle(self, value):
        self.value, self.objects = self._described(value)


class Answerer:
    """Answers questions, in the main thread."""

    def __init__(self, host):
        self.host = host
        self.values = host.values

    def answer(self, body):
        answer = getattr(self, "_answer_" + str(body["ask"]), None)
        if answer is None:
            raise Refused(f"there is no question {body['ask']!r}")
        return answer(body)

    def _answer_load(self, body):
        from buildbot._host.load import load

        loaded = load(body["basedir"], body["file"], bool(body.get("front")))
        self.values.loaded = loaded
        return Result(loaded.description, sent=loaded.forget_description)

    def _answer_ping(self, _body):
        from buildbot._host.load import rss_kb

        handles = len(self.values.handles) if self.values.loaded is not None else 0
        return Result({"rss_kb": rss_kb(), "handles": handles})

    def _answer_call(self, body):
        fn = body["fn"]
        if isinstance(fn, dict):
            function = self.values.decoded(fn)
        else:
            function = self._thing(fn)
        return self._called(function, body)

    def _answer_method(self, body):
        on = body["on"]
        thing = self.values.decoded(on) if isinstance(on, dict) else self._thing(on)
        name = body["name"]
        method = getattr(thing, name, None)
        if method is None:
            raise Refused(f"{type(thing).__qualname__} has no method {name!r}")
        return self._called(method, body)

    def _answer_render(self, body):
        from buildbot._host.deferreds import settle
        from buildbot._host.facades import properties_of

        properties = properties_of(self.values, body.get("props") or {})
        outcome = settle(self._rendered(body["items"], properties))
        if is_pending(outcome):
            return Result(deferred=outcome, described=lambda value: (value, None))
        return Result(outcome)

    def _rendered(self, items, properties):
        """Generator that returns the list of outcomes, one an item."""
        from buildbot.process.properties import _rendering

        outcomes = []
        for item in items:
            try:
                value = yield from _rendering(self.values.rendering(item), properties)
                described, objects = self.values.described(value)
                outcome = {"ok": described}
                if objects:
                    outcome["objects"] = objects
            except Exception as error:
                outcome = {"error": error_of(error)}
            outcomes.append(outcome)
        used = properties._used_secrets
        if used:
            # So that the master hides them in logs.
            outcomes[-1]["secrets"] = [[secret, shown] for secret, shown in used.items()]
        return outcomes

    # User code.

    def _thing(self, number):
        if self.values.loaded is None:
            raise Refused("no configuration has been loaded")
        try:
            return self.values.handles[number]
        except (KeyError, TypeError):
            raise Refused(f"there is no handle {number!r}") from None

    def _called(self, function, body):
        decoded = self.values.decoded
        args = [decoded(value) for value in body.get("args") or ()]
        kwargs = {name: decoded(value) for name, value in (body.get("kwargs") or {}).items()}
        value = function(*args, **kwargs)
        described = self.values.described
        if is_pending(value):
            value = _settled(value)
            if value.deferred is not None:
                return Result(deferred=value.deferred, described=described)
            value = value.value
        result = Result(described=described)
        result.settle(value)
        return result


def _settled(pending):
    """A Deferred or coroutine: its result if it has one (or its exception), else as it is."""
    from buildbot._host.deferreds import settle

    def awaiting():
        return (yield pending)

    outcome = settle(awaiting())
    if is_pending(outcome):
        return Result(deferred=outcome)
    return Result(outcome)
