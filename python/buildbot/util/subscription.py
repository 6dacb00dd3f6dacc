"""Callbacks that want to know when something happens."""

from __future__ import annotations

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere
from buildbot.util._notifier import Notifier

__getattr__ = elsewhere(__name__, "defer log")


class SubscriptionPoint:
    """Something that happens: `subscribe` to be called, `deliver` to call all."""

    def __init__(self, name):
        self.name = name
        self.subscriptions = set()
        self._unfinished_deliveries = []
        self._unfinished_notifier = Notifier()
        self._got_exceptions = []

    def __str__(self):
        return f"<SubscriptionPoint '{self.name}'>"

    def subscribe(self, callback):
        """A `Subscription`, which can be ended."""
        subscription = Subscription(self, callback)
        self.subscriptions.add(subscription)
        return subscription

    def deliver(self, *args, **kwargs):
        self._unfinished_deliveries.append(self)
        for subscription in list(self.subscriptions):
            try:
                answer = subscription.callback(*args, **kwargs)
            except Exception as problem:
                self._notify_delivery_exception(problem, subscription)
                continue
            if hasattr(answer, "addErrback"):
                self._unfinished_deliveries.append(answer)
                answer.addErrback(self._notify_delivery_exception, subscription)
                answer.addBoth(self._notify_delivery_finished, answer)
        self._notify_delivery_finished(None, self)

    def waitForDeliveriesToFinish(self):
        if not self._unfinished_deliveries:
            return defer_module().succeed(None)
        return self._unfinished_notifier.wait()

    def pop_exceptions(self):
        """What went wrong so far; nothing may go wrong afterwards."""
        problems, self._got_exceptions = self._got_exceptions, None
        return problems

    def _unsubscribe(self, subscription):
        self.subscriptions.remove(subscription)

    def _notify_delivery_exception(self, e, sub):
        from twisted.python import log

        log.err(e, f"while invoking callback {sub.callback} to {self}")
        if self._got_exceptions is None:
            log.err(
                e,
                "exceptions have already been collected. "
                "This is serious error, please submit a bug report",
            )
            return
        self._got_exceptions.append(e)

    def _notify_delivery_finished(self, _, d):
        self._unfinished_deliveries.remove(d)
        if not self._unfinished_deliveries:
            self._unfinished_notifier.notify(None)


class Subscription:
    """One callback."""

    def __init__(self, subpt, callback):
        self.subpt = subpt
        self.callback = callback

    def unsubscribe(self):
        self.subpt._unsubscribe(self)
