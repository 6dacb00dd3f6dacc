"""Counters, times and alarms of code of users.

They are kept in this process; the master has metrics of its own.
"""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
import functools
import time
from collections import defaultdict, deque

__getattr__ = elsewhere(__name__, "LoopingCall log reactor service util util_service")

ALARM_OK, ALARM_WARN, ALARM_CRIT = range(3)
ALARM_TEXT = ["OK", "WARN", "CRIT"]

_observers: list = []


class MetricEvent:
    """Something that was measured."""

    @classmethod
    def log(cls, *args, **kwargs):
        """Gives the event to all observers."""
        if _observers:
            event = cls(*args, **kwargs)
            for observer in list(_observers):
                observer.emit({"metric": event})


class MetricCountEvent(MetricEvent):
    """A counter changes by `count`, or to it when `absolute`."""

    def __init__(self, counter, count=1, absolute=False):
        self.counter = counter
        self.count = count
        self.absolute = absolute


class MetricTimeEvent(MetricEvent):
    """Something took a time."""

    def __init__(self, timer, elapsed):
        self.timer = timer
        self.elapsed = elapsed


class MetricAlarmEvent(MetricEvent):
    """An alarm has a level."""

    def __init__(self, alarm, msg=None, level=ALARM_OK):
        self.alarm = alarm
        self.level = level
        self.msg = msg


def countMethod(counter):
    """Decorator: counts calls."""

    def decorate(func):
        @functools.wraps(func)
        def counted(*args, **kwargs):
            MetricCountEvent.log(counter=counter)
            return func(*args, **kwargs)

        return counted

    return decorate


class Timer:
    """Measures times between `start` and `stop`."""

    _reactor = None

    def __init__(self, name):
        self.name = name
        self.started = None

    def _seconds(self):
        return time.time() if self._reactor is None else self._reactor.seconds()

    def startTimer(self, func):
        """Decorator: starts before each call."""

        @functools.wraps(func)
        def timed(*args, **kwargs):
            self.start()
            return func(*args, **kwargs)

        return timed

    def stopTimer(self, func):
        """Decorator: stops after each call."""

        @functools.wraps(func)
        def timed(*args, **kwargs):
            try:
                return func(*args, **kwargs)
            finally:
                self.stop()

        return timed

    def start(self):
        self.started = self._seconds()

    def stop(self):
        if self.started is not None:
            MetricTimeEvent.log(timer=self.name, elapsed=self._seconds() - self.started)
            self.started = None


def timeMethod(name, _reactor=None):
    """Decorator: measures calls."""

    def decorate(func):
        @functools.wraps(func)
        def timed(*args, **kwargs):
            timer = Timer(name)
            timer._reactor = _reactor
            timer.start()
            try:
                return func(*args, **kwargs)
            finally:
                timer.stop()

        return timed

    return decorate


class FiniteList(deque):
    """Keeps the newest elements."""

    def __init__(self, maxlen=10):
        self._maxlen = maxlen
        super().__init__()

    def append(self, o):
        super().append(o)
        if len(self) > self._maxlen:
            self.popleft()


class AveragingFiniteList(FiniteList):
    """Knows the average of its elements."""

    def __init__(self, maxlen=10):
        super().__init__(maxlen)
        self.average = 0

    def append(self, o):
        super().append(o)
        self._calc()

    def _calc(self):
        self.average = sum(self) / len(self) if self else 0
        return self.average


class MetricHandler:
    """Keeps what events of one kind say."""

    def __init__(self, metrics):
        self.metrics = metrics
        self.watchers = []
        self.reset()

    def addWatcher(self, watcher):
        self.watchers.append(watcher)

    def removeWatcher(self, watcher):
        self.watchers.remove(watcher)

    def reset(self):
        raise NotImplementedError

    def handle(self, eventDict, metric):
        raise NotImplementedError

    def get(self, metric):
        raise NotImplementedError

    def keys(self):
        raise NotImplementedError

    def report(self):
        raise NotImplementedError

    def asDict(self):
        raise NotImplementedError


class MetricCountHandler(MetricHandler):
    """Counters."""

    _counters = None

    def reset(self):
        self._counters = defaultdict(int)

    def handle(self, eventDict, metric):
        if metric.absolute:
            self._counters[metric.counter] = metric.count
        else:
            self._counters[metric.counter] += metric.count

    def keys(self):
        return list(self._counters)

    def get(self, counter):
        return self._counters[counter]

    def report(self):
        return "\n".join(f"Counter {name}: {self.get(name)}" for name in sorted(self.keys()))

    def asDict(self):
        return {"counters": dict(self._counters)}


class MetricTimeHandler(MetricHandler):
    """Times."""

    _timers = None

    def reset(self):
        self._timers = defaultdict(AveragingFiniteList)

    def handle(self, eventDict, metric):
        self._timers[metric.timer].append(metric.elapsed)

    def keys(self):
        return list(self._timers)

    def get(self, timer):
        return self._timers[timer].average

    def report(self):
        return "\n".join(f"Timer {name}: {self.get(name):.3g}" for name in sorted(self.keys()))

    def asDict(self):
        return {"timers": {name: self.get(name) for name in self.keys()}}


class MetricAlarmHandler(MetricHandler):
    """Alarms."""

    def reset(self):
        self._alarms = defaultdict(lambda: ALARM_OK)

    def handle(self, eventDict, metric):
        self._alarms[metric.alarm] = (metric.level, metric.msg)

    def report(self):
        return "\n".join(
            f"{ALARM_TEXT[level]} {alarm}: {text}"
            for alarm, (level, text) in sorted(self._alarms.items())
        )

    def asDict(self):
        return {
            "alarms": {
                alarm: (ALARM_TEXT[level], text) for alarm, (level, text) in self._alarms.items()
            }
        }


class AttachedWorkersWatcher:
    """Compares two counters of workers; the master does so by itself."""

    def __init__(self, metrics):
        self.metrics = metrics

    def run(self):
        """Nothing."""


def _get_rss():
    """The memory of this process in pages, 0 where that is unknown."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


def periodicCheck(_reactor=None):
    """Measures this process once."""
    MetricCountEvent.log("resident memory", _get_rss(), absolute=True)


class MetricLogObserver:
    """Collects all events."""

    _reactor = None

    def __init__(self):
        self.enabled = False
        self.handlers = {}
        self.config = None
        self.registerHandler(MetricCountEvent, MetricCountHandler(self))
        self.registerHandler(MetricTimeEvent, MetricTimeHandler(self))
        self.registerHandler(MetricAlarmEvent, MetricAlarmHandler(self))

    def reconfigServiceWithBuildbotConfig(self, new_config):
        self.config = new_config.metrics
        if self.config is None:
            self.disable()
        else:
            self.enable()

    def stopService(self):
        self.disable()

    def enable(self):
        if not self.enabled:
            _observers.append(self)
            self.enabled = True

    def disable(self):
        if self.enabled:
            _observers.remove(self)
            self.enabled = False

    def registerHandler(self, interface, handler):
        before = self.getHandler(interface)
        self.handlers[interface] = handler
        return before

    def getHandler(self, interface):
        return self.handlers.get(interface)

    def emit(self, eventDict):
        metric = eventDict.get("metric")
        handler = self.getHandler(type(metric))
        if handler is not None:
            handler.handle(eventDict, metric)

    def asDict(self):
        known = {}
        for handler in self.handlers.values():
            known.update(handler.asDict())
        return known

    def report(self):
        return "\n".join(handler.report() for handler in self.handlers.values())
