"""Queues and a thread that works for a connection."""

from __future__ import annotations

import queue
import threading

from buildbot._host.deferreds import defer_module
from buildbot._host.elsewhere import elsewhere
from buildbot.util import backoff

__getattr__ = elsewhere(__name__, "defer log reactor")


class UndoableQueue(queue.Queue):
    """A queue into which the element taken last can be put back at the front."""

    def unget(self, x):
        with self.mutex:
            self.queue.appendleft(x)


class _TerminateRequest:
    pass


class ConnectableThreadQueue(threading.Thread):
    """Calls functions in a thread, with a connection that is made again when it is lost."""

    def __init__(
        self,
        connect_backoff_start_seconds=1,
        connect_backoff_multiplier=1.1,
        connect_backoff_max_wait_seconds=3600,
    ):
        self._queue = UndoableQueue()
        self._conn = None
        self._backoff_engine = backoff.ExponentialBackoffEngineSync(
            start_seconds=connect_backoff_start_seconds,
            multiplier=connect_backoff_multiplier,
            max_wait_seconds=connect_backoff_max_wait_seconds,
        )
        super().__init__(daemon=True)
        self.connecting = False
        self.start()

    def join(self, *args, **kwargs):
        self.execute_in_thread(_TerminateRequest())
        super().join(*args, **kwargs)

    def execute_in_thread(self, cb, *args, **kwargs):
        """Calls `cb(connection, …)` in the thread; a Deferred with its result is returned."""
        answer = defer_module().Deferred()
        self._queue.put((answer, cb, args, kwargs))
        return answer

    @property
    def conn(self):
        return self._conn

    def close_connection(self):
        if self._conn is not None:
            connection, self._conn = self._conn, None
            self.on_close_connection(connection)

    def on_close_connection(self, conn):
        self.close_connection()

    def create_connection(self):
        """Makes the connection, None if that failed; subclasses do it."""
        raise NotImplementedError()

    def _handle_backoff(self, msg):
        """Waits after a failure; when that took too long, all that wait fail."""
        try:
            self._backoff_engine.wait_on_failure()
        except backoff.BackoffTimeoutExceededError:
            self._drain_queue_with_exception(backoff.BackoffTimeoutExceededError(msg))

    def _drain_queue_with_exception(self, e):
        from twisted.internet import reactor

        while True:
            try:
                answer = self._queue.get(block=False)[0]
            except queue.Empty:
                return
            reactor.callFromThread(answer.errback, e)

    def run(self):
        from twisted.internet import reactor

        while True:
            answer, callback, args, kwargs = self._queue.get()
            if isinstance(callback, _TerminateRequest):
                self.close_connection()
                reactor.callFromThread(answer.callback, None)
                return
            if not self._conn:
                self._queue.unget((answer, callback, args, kwargs))
                self._connect()
                continue
            try:
                result = callback(self._conn, *args, **kwargs)
                reactor.callFromThread(answer.callback, result)
            except Exception as problem:
                reactor.callFromThread(answer.errback, problem)

    def _connect(self):
        try:
            self.connecting = True
            self._conn = self.create_connection()
            self.connecting = False
            if self._conn is None:
                self._handle_backoff("Did not receive connection")
            else:
                self._backoff_engine.on_success()
        except Exception as problem:
            self.connecting = False
            self._handle_backoff(f"Exception received: {problem}")
