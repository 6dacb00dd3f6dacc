"""Waits longer each time that something fails."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.util.twisted import async_to_deferred

__getattr__ = elsewhere(__name__, "asyncSleep defer")


class BackoffTimeoutExceededError(Exception):
    """All the waiting together would take too long."""


class ExponentialBackoffEngine:
    """Computes the next wait: each is a multiple of the one before."""

    def __init__(self, start_seconds, multiplier, max_wait_seconds):
        given = (
            ("start_seconds", start_seconds),
            ("multiplier", multiplier),
            ("max_wait_seconds", max_wait_seconds),
        )
        for name, value in given:
            if value < 0:
                raise ValueError(f"{name} cannot be negative")
        self.start_seconds = start_seconds
        self.multiplier = multiplier
        self.max_wait_seconds = max_wait_seconds
        self.on_success()

    def on_success(self):
        self.current_total_wait_seconds = 0
        self.current_wait_seconds = self.start_seconds

    def wait_on_failure(self):
        raise NotImplementedError()

    def calculate_wait_on_failure_seconds(self):
        if self.current_total_wait_seconds >= self.max_wait_seconds:
            raise BackoffTimeoutExceededError()
        left = self.max_wait_seconds - self.current_total_wait_seconds
        seconds = min(self.current_wait_seconds, left)
        self.current_wait_seconds *= self.multiplier
        self.current_total_wait_seconds += seconds
        return seconds


class ExponentialBackoffEngineSync(ExponentialBackoffEngine):
    """Sleeps."""

    def wait_on_failure(self):
        import time

        time.sleep(self.calculate_wait_on_failure_seconds())


class ExponentialBackoffEngineAsync(ExponentialBackoffEngine):
    """Waits by the reactor."""

    def __init__(self, reactor, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reactor = reactor

    @async_to_deferred
    async def wait_on_failure(self):
        from buildbot.util import asyncSleep

        await asyncSleep(self.calculate_wait_on_failure_seconds(), reactor=self.reactor)
