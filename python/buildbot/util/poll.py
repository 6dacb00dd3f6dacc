"""Methods that run each so many seconds."""

from __future__ import annotations

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "defer log")

# While tests track them: all pollers that were made
_poller_instances = None


class Poller:
    """Runs one method of one object in intervals, with a random delay if wanted."""

    def __init__(self, fn, instance, reactor):
        self.fn = fn
        self.instance = instance
        self.running = False
        self.pending = False
        self._reactor = reactor
        self._interval = 0
        self._random_delay_min = 0
        self._random_delay_max = 0
        self._start_time = 0
        self._run_complete_deferreds = []
        self._call = None
        self._next_call_time = None
        self._currently_executing = False

    @async_to_deferred
    async def _run(self):
        self._call = None
        self._currently_executing = True
        try:
            await any_to_async(self.fn(self.instance))
        except Exception as problem:
            from twisted.python import log

            log.err(problem, f"while executing {self.fn}")
        finally:
            self._currently_executing = False
            again_now, self.pending = self.pending, False
            if self.running:
                self._schedule(force_now=again_now)
            waiting, self._run_complete_deferreds = self._run_complete_deferreds, []
            for one in waiting:
                one.callback(None)

    def _get_wait_time(self, curr_time, force_now=False, force_initial_now=False):
        import random

        if force_now:
            return 0
        delay = 0
        if self._random_delay_max:
            delay = random.randint(self._random_delay_min, self._random_delay_max)
        if force_initial_now:
            return delay
        # the moments are counted from the start, so that they do not drift
        passed = curr_time - self._start_time
        return self._interval - passed % self._interval + delay if self._interval else delay

    def _schedule(self, force_now=False, force_initial_now=False):
        now = self._reactor.seconds()
        wait = self._get_wait_time(now, force_now, force_initial_now)
        moment = now + wait
        if self._call is not None:
            # what is planned for earlier stays
            if self._next_call_time <= moment:
                return
            self._call.cancel()
        self._next_call_time = moment
        self._call = self._reactor.callLater(wait, self._run)

    def __call__(self):
        """Runs now, or again right after the run that is going on."""
        if not self.running:
            return
        if self._currently_executing:
            self.pending = True
        else:
            self._schedule(force_now=True)

    def start(self, interval, now=False, random_delay_min=0, random_delay_max=0):
        assert not self.running
        self._interval = interval
        self._random_delay_min = random_delay_min
        self._random_delay_max = random_delay_max
        self._start_time = self._reactor.seconds()
        self.running = True
        self._schedule(force_initial_now=now)

    @async_to_deferred
    async def stop(self):
        """Ends after the run that is going on."""
        self.running = False
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._currently_executing:
            ended = defer_module().Deferred()
            self._run_complete_deferreds.append(ended)
            await ended


class _Descriptor:
    """Makes a `Poller` for each object at the first use."""

    def __init__(self, fn, attrName):
        self.fn = fn
        self.attrName = attrName

    def __get__(self, instance, cls):
        made = instance.__dict__.get(self.attrName)
        if made is None:
            made = Poller(self.fn, instance, instance.master.reactor)
            instance.__dict__[self.attrName] = made
            if _poller_instances is not None:
                _poller_instances.append((instance, self.attrName))
        return made


def method(fn):
    """Decorates a method that runs in intervals."""
    return _Descriptor(fn, f"__poll_{fn.__name__}__")


def track_poll_methods():
    global _poller_instances
    if _poller_instances is not None:
        raise RuntimeError("already tracking poll methods")
    _poller_instances = []


def reset_poll_methods():
    global _poller_instances
    for instance, name in _poller_instances:
        delattr(instance, name)
    _poller_instances = None
