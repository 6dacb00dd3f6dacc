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


def _understood(answer, what):
    error = answer.get("error")
    if error is None:
        return _host.values.decoded(answer.get("ok"))
    if error.get("kind") == "refused":
        reason = error.get("message") or "it is not known there"
        raise NotServed(f"{what} is not served by the master: {reason}")
    raise MasterError(error.get("type") or "", error.get("message") or "")


class MasterError(RuntimeError):
    """The master answered a question with an error."""

    def __init__(self, type, message):
        super().__init__(message or type)
        self.type = type
