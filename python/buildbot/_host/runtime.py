"""What code of a configuration asks of the master while a build runs: the one seam.

The host gives every object that lives in a running build (a step, its build, a log, a remote
command) a *session*: the attribute ``_session``, with

``ask(subject, what, args)``
    sends a question and returns a Deferred of the answer,
``tell(subject, what, args)``
    sends what needs no answer, in order with the questions.

What steps ask: ``addLog``, ``appendLines``, ``addRawLines``, ``finishLog``, ``runCommand``,
``interruptCommand``, ``addURL``, ``setBuildData``, ``addTestResultSet``, and what `native` marks;
what they tell: ``updateSummary``, ``addTestResult``, ``addSteps``, ``observerFailed``. Builds,
builders and workers ask for what their methods of the same name give. `session.py` answers.

Everything else in ``buildbot.steps`` and ``buildbot.process`` is plain Python that works on what it
was given. Without a session each call says that it needs a running build.
"""

from __future__ import annotations

import functools

from buildbot._host.deferreds import deferred


class NeedsRunningBuild(RuntimeError):
    """Something was called that only makes sense while the master runs a build."""


def session_of(subject, what):
    """The session that `subject` lives in."""
    session = getattr(subject, "_session", None)
    if session is None:
        raise NeedsRunningBuild(f"{type(subject).__name__}.{what} needs a running build")
    return session


def ask(subject, what, **args):
    """Asks the master; returns a Deferred."""
    return session_of(subject, what).ask(subject, what, args)


def tell(subject, what, **args):
    """Tells the master; returns None at once."""
    session_of(subject, what).tell(subject, what, args)


def inline(function):
    """Decorates a generator function; calls of it return a Deferred, as `inlineCallbacks` does."""

    @functools.wraps(function)
    def start(*args, **kwargs):
        return deferred(function(*args, **kwargs))

    return start


def native(function):
    """Decorates a method of a built-in class that the master carries out itself.

    It is called from Python only when a class of the user's own overrides it and calls
    the original. The body of the function is never executed.
    """
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount]

    @functools.wraps(function)
    def carry_out(self, *args, **kwargs):
        given = dict(zip(names, args))
        given.update(kwargs)
        return ask(
            self,
            function.__name__,
            of=f"{function.__module__}.{function.__qualname__}",
            given=given,
        )

    carry_out._is_native = True
    return carry_out
