"""The event loop of this process while Twisted's own is not running.

The main thread runs what is put in the inbox and what is due. It waits in a way that a signal
interrupts, so that a running call can be broken off.
"""

from __future__ import annotations

import heapq
import time
from itertools import count
from queue import Empty, SimpleQueue


class Loop:
    def __init__(self):
        self._inbox = SimpleQueue()
        self._timers = []
        self._order = count()
        self._stopped = False
        self._successor = None

    now = staticmethod(time.time)

    def call_soon(self, function):
        """Has `function` called by the main thread. May be used from any thread."""
        if self._successor is not None:
            self._successor(function)
        else:
            self._inbox.put(function)

    def hand_over(self, successor):
        """From now on `successor` takes what is to be called, what is left over first."""
        while not self._inbox.empty():
            successor(self._inbox.get_nowait())
        self._successor = successor
        while not self._inbox.empty():
            successor(self._inbox.get_nowait())

    def call_at(self, moment, function):
        heapq.heappush(self._timers, (moment, next(self._order), function))

    def timed_calls(self):
        return [function for _moment, _order, function in self._timers]

    def stop(self):
        self._stopped = True
        self.call_soon(lambda: None)

    def run_until_stopped(self):
        self._stopped = False
        while not self._stopped:
            self.turn()

    def turn(self, wait=True):
        """Waits for something to do and does it."""
        timeout = None
        if self._timers:
            timeout = self._timers[0][0] - self.now()
        try:
            if timeout is not None and timeout <= 0:
                function = self._inbox.get_nowait()
            elif not wait:
                function = self._inbox.get_nowait()
            else:
                function = self._inbox.get(timeout=timeout)
        except Empty:
            function = None
        if function is not None:
            _guarded(function)
        while self._timers and self._timers[0][0] <= self.now():
            _moment, _order, function = heapq.heappop(self._timers)
            _guarded(function)


def _guarded(function):
    try:
        function()
    except BaseException:
        # Also what ends a question, as sys.exit: nobody else waits for this call.
        import traceback

        traceback.print_exc()


loop = Loop()
