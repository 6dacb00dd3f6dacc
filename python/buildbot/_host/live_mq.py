"""``master.mq``: events of the master for code of users, and events of its own."""

from __future__ import annotations

import itertools
import json
import sys
import traceback

from buildbot._host.deferreds import defer_module, deferred, is_pending
from buildbot._host.live_data import ask, missing, text

_numbers = itertools.count(1)
_consumers: dict = {}


def consumer(number):
    """The consumer that the master speaks of."""
    return _consumers.get(number) or _Nobody()


class _Nobody:
    """Whoever has stopped; an event was under way."""

    def take(self, _topic, _message):
        pass


class QueueRef:
    """Somebody who hears of events, until `stopConsuming`."""

    def __init__(self, callback):
        self.callback = callback
        self._number = next(_numbers)

    def take(self, topic, message):
        """An event. What the callback gives is not waited for."""
        if self.callback is None:
            return
        try:
            outcome = self.callback(tuple(topic), message)
            if is_pending(outcome):
                defer_module().ensureDeferred(_awaited(outcome)).addErrback(_print_failure)
        except Exception:
            sys.stderr.write(f"while invoking {self.callback!r}\n{traceback.format_exc()}")

    def stopConsuming(self):
        self.callback = None
        if _consumers.pop(self._number, None) is None:
            return defer_module().succeed(None)
        return ask("mq.stopConsuming", "stopConsuming()", number=self._number)


async def _awaited(outcome):
    return await outcome


def _print_failure(failure):
    sys.stderr.write(failure.getTraceback())


class MessageQueue:
    """Delivers what happens to those who asked for it."""

    def __getattr__(self, name):
        return missing("master.mq", name, frozenset())

    def startConsuming(self, callback, filter, persistent_name=None):
        if persistent_name is not None:
            return missing("master.mq", "startConsuming(persistent_name=)", _PERSISTENT)()
        made = QueueRef(callback)
        _consumers[made._number] = made
        asked = ask(
            "mq.startConsuming",
            "master.mq.startConsuming()",
            number=made._number,
            filter=[None if part is None else str(text(part)) for part in filter],
        )

        def refused(failure):
            _consumers.pop(made._number, None)
            return failure

        return asked.addCallbacks(lambda _answer: made, refused)

    def produce(self, routingKey, data):
        """Tells everybody. Gives nothing, at once."""
        asked = ask(
            "mq.produce",
            "master.mq.produce()",
            topic=[str(text(part)) for part in routingKey],
            text=json.dumps(data, default=_epoch),
        )
        asked.addErrback(_print_failure)

    def waitUntilEvent(self, filter, check_callback):
        """Waits for an event, unless the check says that it is not needed any more."""
        return deferred(self._wait_until_event(filter, check_callback))

    def _wait_until_event(self, filter, check_callback):
        heard = defer_module().Deferred()

        def hear(topic, message):
            if not heard.called:
                heard.callback((topic, message))

        made = yield self.startConsuming(hear, filter)
        try:
            checked = yield check_callback()
            if checked:
                return None
            return (yield heard)
        finally:
            yield made.stopConsuming()


_PERSISTENT = frozenset({"startConsuming(persistent_name=)"})


def _epoch(value):
    """Instants are whole seconds in messages."""
    if hasattr(value, "timestamp"):
        return int(value.timestamp())
    raise TypeError(f"{value!r} cannot be told in a message")
