"""Waiting for Deferreds, and doing things again and again."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.util._notifier import Notifier
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "defer failure log")


class DeferWaiter:
    """Knows when all Deferreds that it was given have fired."""

    def __init__(self):
        self._waited_count = 0
        self._finish_notifier = Notifier()

    def _finished(self, result, d):
        self._waited_count -= 1
        if self._waited_count == 0:
            self._finish_notifier.notify(None)
        return result

    def add(self, d):
        """Waits for `d`, too, if it is a Deferred; its failure is logged."""
        if not hasattr(d, "addBoth"):
            return None
        self._waited_count += 1
        d.addErrback(_log)
        d.addBoth(self._finished, d)
        return d

    def has_waited(self):
        return self._waited_count > 0

    @async_to_deferred
    async def wait(self):
        if self._waited_count:
            await self._finish_notifier.wait()


def _log(failure):
    from twisted.python import log

    log.err(failure)


async def _done(action, what):
    """Runs an action to its end; problems are logged."""
    try:
        await any_to_async(action())
    except Exception as problem:
        from twisted.python import log

        log.err(problem, f"Got exception in {what}")


class RepeatedActionHandler:
    """Runs an action each so many seconds."""

    def __init__(self, reactor, waiter, interval, action, start_timer_after_action_completes=False):
        self._reactor = reactor
        self._waiter = waiter
        self._interval = interval
        self._action = action
        self._enabled = False
        self._timer = None
        self._start_timer_after_action_completes = start_timer_after_action_completes
        self._running = False

    def set_interval(self, interval):
        """From the next time on."""
        self._interval = interval

    def start(self):
        if not self._enabled:
            self._enabled = True
            self._start_timer()

    def stop(self):
        if self._enabled:
            self._enabled = False
            self._cancel_timer()

    def delay(self):
        """Starts to count the seconds anew."""
        if self._enabled and self._cancel_timer():
            self._start_timer()

    def force(self):
        """Runs the action now."""
        if not self._enabled or self._running:
            return
        self._cancel_timer()
        self._handle_timeout()

    def _cancel_timer(self):
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        timer.cancel()
        return True

    def _start_timer(self):
        self._timer = self._reactor.callLater(self._interval, self._handle_timeout)

    def _handle_timeout(self):
        self._timer = None
        self._waiter.add(self._handle_action())

    @async_to_deferred
    async def _handle_action(self):
        self._running = True
        if not self._start_timer_after_action_completes:
            self._start_timer()
        await _done(self._action, "RepeatedActionHandler")
        if self._enabled and self._start_timer_after_action_completes:
            self._start_timer()
        self._running = False


class NonRepeatedActionHandler:
    """Runs an action when asked, never twice at the same time."""

    def __init__(self, reactor, waiter, action):
        self._reactor = reactor
        self._waiter = waiter
        self._action = action
        self._timer = None
        self._running = False
        self._repeat_after_finished = False

    def force(self, invoke_again_if_running=False):
        """Runs the action now; if it runs already, once more afterwards if wanted."""
        if self._running:
            if invoke_again_if_running:
                self._repeat_after_finished = True
            return
        self._cancel_timer()
        self._waiter.add(self._do_action())

    def schedule(self, seconds_from_now, invoke_again_if_running=False):
        """Runs the action later; of several times the earliest counts."""
        if self._running and not invoke_again_if_running:
            return
        if self._timer is None:
            self._timer = self._reactor.callLater(seconds_from_now, self._handle_timeout)
        elif self._reactor.seconds() + seconds_from_now < self._timer.getTime():
            self._timer.reset(seconds_from_now)

    def stop(self):
        self._cancel_timer()

    def _cancel_timer(self):
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    @async_to_deferred
    async def _do_action(self):
        self._running = True
        await _done(self._action, "NonRepeatedActionHandler")
        self._running = False
        if self._repeat_after_finished:
            self._repeat_after_finished = False
            self.force()

    def _handle_timeout(self):
        self._timer = None
        self._waiter.add(self._do_action())
