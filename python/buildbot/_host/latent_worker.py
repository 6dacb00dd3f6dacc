"""Latent workers of users' classes while the master runs: their code starts and stops instances.

What may take its time is only begun by a call of the master; its end is told by a question of ours,
so that nothing that it awaits is under a deadline (docs/formats/config-host.md).
"""

from __future__ import annotations

from buildbot._host import master_link
from buildbot._host.deferreds import deferred

_workers: dict = {}


def latent_worker_of(values, value):
    """The latent worker that is this object of the configuration; the first use makes it."""
    number = value["n"]
    known = _workers.get(number)
    if known is None:
        worker = values.decoded({"$": "o", "n": number})
        known = _workers[number] = LatentWorker(values, worker, value)
    return known


class LatentWorker:
    """What the master wants of one latent worker."""

    def __init__(self, values, worker, value):
        self._values = values
        self._worker = worker
        self._is_configured = False
        worker._master = values.decoded(value["master"])
        worker.workerid = value["workerid"]

    # What the master calls.

    def begin(self, session, name, *args):
        """Begins `name`; its end is told by the question ``done`` of this session."""

        def done(value):
            self._tell(session, {"value": self._values.described(value)[0]})

        def broke(failure):
            self._tell(session, _failed(failure.value))

        deferred(getattr(self, "_" + name)(*args)).addCallbacks(done, broke)

    def is_compatible(self, properties):
        """Whether the running instance can run a build with these properties."""
        return self._worker.isCompatibleWithBuild(properties)

    # What is begun, as generators.

    def _prepare(self):
        """Tells the user's code its arguments, once; returns the password of the next instance."""
        if not self._is_configured:
            args, kwargs = self._worker._made
            yield self._worker.reconfigService(*args, **kwargs)
            self._is_configured = True
        return self._worker.password

    def _start(self, build):
        worker = self._worker
        worker.state = _states().SUBSTANTIATING_STARTING
        return bool((yield worker.start_instance(build)))

    def _stop(self, fast):
        worker = self._worker
        worker.state = _states().INSUBSTANTIATING
        try:
            yield worker.stop_instance(fast)
        finally:
            worker.state = _states().NOT_SUBSTANTIATED

    def _check(self):
        is_good, message = yield self._worker.check_instance()
        return [bool(is_good), str(message)]

    def _tell(self, session, outcome):
        question = {"ask": "step", "session": session, "what": "done", "args": outcome}
        # A master that does not wait for it any more does not want to know.
        master_link.later(question, "the end of a latent worker's start or stop").addErrback(
            lambda _: None
        )


def _states():
    from buildbot.worker.latent import States

    return States


def _failed(error):
    from buildbot._host.questions import error_of
    from buildbot.interfaces import LatentWorkerCannotSubstantiate

    return {
        "error": error_of(error),
        "cannot": isinstance(error, LatentWorkerCannotSubstantiate),
    }
