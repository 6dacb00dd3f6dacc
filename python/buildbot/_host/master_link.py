"""Questions of this process to the master.

`later` gives a Deferred, `now` waits. Outside of a host, and for what the master does not serve,
both say so clearly.
"""

from __future__ import annotations

_host = None


class NotServed(RuntimeError):
    """The master does not answer such a question."""


def connect(host):
    """Called by the host once it can carry questions."""
    global _host
    _host = host


def is_connected():
    return _host is not None


def later(question, what):
    """Asks the master; returns a Deferred. `what` names the thing for people."""
    from buildbot._host.deferreds import defer_module

    deferred = defer_module().Deferred()
    if _host is None:
        deferred.errback(NotServed(f"{what} needs a running master"))
        return deferred

    def answered(answer):
        try:
            value = _understood(answer, what)
        except Exception as problem:
            deferred.errback(problem)
        else:
            deferred.callback(value)

    _host.ask(question, answered)
    return deferred


def now(question, what):
    """Asks the master and waits for the answer."""
    if _host is None:
        raise NotServed(f"{what} needs a running master")
    return _understood(_host.ask_and_wait(question), what)


def described(value):
    """A value as a question carries it."""
    if _host is None:
        raise NotServed(f"{value!r} can only be told to a running master")
    return _host.values.described(value)[0]


def _understood(answer, what):
    error = answer.get("error")
    if error is None:
        return _host.values.decoded(answer.get("ok"))
    if error.get("kind") == "refused":
        reason = error.get("message") or "it is not known there"
        raise NotServed(f"{what} is not served by the master: {reason}")
    raise named(error.get("type") or "", error.get("message") or "")


class MasterError(RuntimeError):
    """The master answered a question with an error that has no class here."""

    def __init__(self, type, message):
        super().__init__(message or type)
        self.type = type


# Where classes of exceptions are that the master raises by name.
_MODULES = frozenset(
    ("builtins", "buildbot.data.exceptions", "buildbot.interfaces", "buildbot.process.buildstep")
)


def named(name, message):
    """The exception with this name, so that code can catch it."""
    import importlib

    module, _dot, cls = name.rpartition(".")
    if name == "buildbot.www.rest.BadJsonRpc2":
        import json

        from buildbot.www.rest import BadJsonRpc2

        return BadJsonRpc2(json.loads(message), -32602)
    if module in _MODULES:
        found = getattr(importlib.import_module(module), cls, None)
        if isinstance(found, type) and issubclass(found, Exception):
            try:
                return found(message) if message else found()
            except TypeError:
                pass
    return MasterError(name, message)
