"""Modules of `buildbot.util` that wait: caches, pollers, queues, subscriptions."""

import warnings

from shown import outcome
from twisted.internet import (
    defer,  # noqa: F401 - before anything of Buildbot
    task,
)

from buildbot.util import codebase, lru, poll, queue, watchdog
from buildbot.util import debounce as db
from buildbot.util import deferwaiter as dw
from buildbot.util import eventual as ev
from buildbot.util import subscription as sub

warnings.simplefilter("ignore")


class Value:
    def __init__(s, k):
        s.k = k

    def __repr__(s):
        return f"O({s.k})"


calls = []


def miss(k, **kw):
    calls.append((k, kw))
    return Value(k) if k != "none" else None


c = lru.LRUCache(miss, max_size=2)
keep = []


def g(k, **kw):
    r = c.get(k, **kw)
    return r


for k in "abab":
    outcome(k, lambda: g(k))
outcome("c", lambda: g("c", x=1))
print(calls, c.hits, c.refhits, c.misses, sorted(c.keys()))
keep.append(c.get("a"))
c.get("d")
c.get("e")
outcome("a again", lambda: c.get("a") is keep[0])
print(calls, c.hits, c.refhits, c.misses, sorted(c.keys()))
outcome("none", lambda: c.get("none"))
outcome("none", lambda: c.get("none"))
print(len(calls))
c.put("d", Value("new"))
outcome("d", lambda: c.get("d"))
c.put("zz", Value(1))
outcome("zz", lambda: c.get("zz"))
c.set_max_size(1)
print(sorted(c.keys()))
outcome("inv", lambda: (c.inv(), lru.inv_failed))
c.set_max_size(5)
print(c.max_size, c.max_queue)
for i in range(100):
    c.get("x%d" % (i % 7))
print(sorted(c.keys()), c.hits, c.refhits, c.misses, len(c.queue) <= c.max_queue)
ds = {}


def amiss(k, **kw):
    calls.append(k)
    d = defer.Deferred()
    ds[k] = d
    return d


calls.clear()
a = lru.AsyncLRUCache(amiss, max_size=2)
d1 = a.get("a")
d2 = a.get("a")
print(d1.called, d2.called, calls)
o = Value("a")
ds["a"].callback(o)
outcome("d1", lambda: d1)
outcome("d2", lambda: d2)
outcome("hit", lambda: a.get("a"))
print(calls, a.hits, a.refhits, a.misses)
d3 = a.get("f")
ds["f"].errback(ValueError("x"))
outcome("d3", lambda: d3)
d4 = a.get("f")
print(len(calls))
ds["f"].callback(None)
outcome("d4", lambda: d4)
print(sorted(a.keys()))

w = dw.DeferWaiter()
outcome("hw", lambda: (w.has_waited(), w.wait())[0])
d = defer.Deferred()
w.add(d)
w.add(5)
out = []
w.wait().addCallback(lambda r: out.append(("done", r)))
print(out, w.has_waited())
d.callback(7)
print(out, w.has_waited())
outcome("w", lambda: w.wait())
r = w.add(defer.Deferred())
print(r is None)
d = defer.Deferred()
w = dw.DeferWaiter()
rr = w.add(d)
print(rr is d)
d.callback(3)
outcome("res", lambda: d)
clock = task.Clock()
w = dw.DeferWaiter()
n = []


def act():
    n.append(clock.seconds())
    return defer.succeed(None)


h = dw.RepeatedActionHandler(clock, w, 10, act)
h.start()
clock.advance(5)
print(n)
clock.advance(5)
print(n)
clock.pump([10] * 3)
print(n)
h.set_interval(3)
clock.pump([1] * 15)
print(n)
h.force()
print(n)
h.delay()
clock.advance(2)
print(n)
clock.advance(1)
print(n)
h.stop()
clock.advance(100)
print(n)
h.force()
print(n)
h.start()
h.start()
clock.advance(3)
print(n)
h.stop()
n = []
h = dw.RepeatedActionHandler(clock, w, 10, act, start_timer_after_action_completes=True)
h.start()
clock.pump([10] * 3)
print(len(n))
h.stop()


def boom():
    n.append("b")
    raise ValueError("x")


n = []
h = dw.NonRepeatedActionHandler(clock, w, act)
h.force()
print(n and len(n))
h.schedule(5)
h.schedule(3)
clock.advance(3)
print(len(n))
clock.advance(5)
print(len(n))
h.schedule(5)
h.force()
print(len(n))
clock.advance(10)
print(len(n))
h.schedule(1)
h.stop()
clock.advance(10)
print(len(n))
dd = []


def slow():
    n.append("s")
    d = defer.Deferred()
    dd.append(d)
    return d


n = []
h = dw.NonRepeatedActionHandler(clock, w, slow)
h.force()
h.force()
h.force(invoke_again_if_running=True)
print(n)
dd[0].callback(None)
print(n)
dd[1].callback(None)
print(n)
h.schedule(1)
h.force()
clock.advance(1)
print(n)
h.schedule(1, invoke_again_if_running=True)
clock.advance(1)
print(n)
dd[2].callback(None)
clock.advance(5)
print(n)

s = sub.SubscriptionPoint("nm")
print(s)
got = []
x = s.subscribe(lambda *a, **k: got.append((a, k)))
s.deliver(1, z=2)
print(got)
x.unsubscribe()
s.deliver(3)
print(got)
y = s.subscribe(lambda: 1 / 0)

s.deliver()
outcome(
    "exc",
    lambda: [
        (e[0].type if hasattr(e[0], "type") else type(e[0])) if isinstance(e, tuple) else type(e)
        for e in s.pop_exceptions()
    ],
)
outcome("exc2", lambda: s.pop_exceptions())
y.unsubscribe()
d = defer.Deferred()
s = sub.SubscriptionPoint("q")
s.subscribe(lambda: d)
s.deliver()
out = []
s.waitForDeliveriesToFinish().addCallback(out.append)
print(out)
d.callback(None)
print(out)
outcome("wf", lambda: s.waitForDeliveriesToFinish())


def during():
    z.unsubscribe()
    s.subscribe(lambda: got.append("late"))


got = []
s = sub.SubscriptionPoint("q")
z = s.subscribe(during)
s.deliver()
print(got)
s.deliver()
print(got)


class D:
    reactor = clock
    master = None

    def __init__(s):
        s.n = 0
        s.master = s
        s.pend = []

    @db.method(wait=4, get_reactor=lambda o: o.reactor)
    def m(s):
        s.n += 1
        d = defer.Deferred()
        s.pend.append(d)
        return d

    @db.method(wait=4)
    def k(s):
        s.n += 10
        return defer.succeed(None)

    @db.method(wait=4, until_idle=True)
    def u(s):
        s.n += 100
        return defer.succeed(None)


o = D()
o.m()
o.m()
print(o.n)
clock.advance(3)
o.m()
clock.advance(1)
print(o.n, o.m.phase)
o.m()
print(o.m.phase)
o.pend[0].callback(None)
print(o.n, o.m.phase)
clock.advance(4)
print(o.n)
st = o.m.stop()
print(st.called)
o.pend[1].callback(None)
print(st.called)
o.m()
clock.advance(9)
print(o.n)
o.m.start()
o.m()
clock.advance(4)
print(o.n)
print(repr(o.m)[:30])
o = D()
o.k()
clock.advance(5)
print(o.n)
o.k()
s2 = o.k.stop()
print(o.n, s2.called)
o = D()
o.u()
clock.advance(3)
o.u()
clock.advance(3)
o.u()
print(o.n)
clock.advance(4)
print(o.n)

n = []
w = watchdog.Watchdog(clock, lambda: n.append(1), 5)
w.start()
clock.advance(4)
w.notify()
clock.advance(4)
print(n)
clock.advance(1)
print(n)
w.notify()
clock.advance(10)
print(n)
w.start()
w.stop()
clock.advance(10)
print(n)


class P:
    def __init__(s):
        s.n = []
        s.running = 0
        s.d = None

    @poll.method
    def p(s):
        s.n.append(clock.seconds() - base)
        return s.d

    @poll.method
    def q(s):
        raise ValueError("z")


class M:
    pass


base = clock.seconds()
x = P()
x.master = M()
x.master.reactor = clock
x.p.start(interval=10, now=False)
clock.advance(9)
print(x.n)
clock.advance(1)
print(x.n)
clock.advance(10)
print(x.n)
outcome("stop", lambda: x.p.stop())
clock.advance(30)
print(x.n)
x.p.start(interval=10, now=True)
print(x.n)
clock.advance(0)
print(x.n)
x.p()
clock.advance(0)
print(x.n)
clock.advance(10)
print(x.n)
x.d = defer.Deferred()
clock.advance(10)
print(x.n)
clock.advance(30)
print(x.n)
x.p()
d = x.p.stop()
print(d.called)
x.d.callback(None)
print(d.called)
print(x.n)
outcome("started", lambda: x.p.running)
poll.track_poll_methods()
y = P()
y.master = x.master
y.p
poll.reset_poll_methods()

ev._setReactor(clock)
n = []
ev.eventually(n.append, 1)
ev.eventually(n.append, x=1) if 0 else None
print(n)
f = ev.fireEventually(9)
print(f.called)
fl = ev.flushEventualQueue()
clock.advance(0)
print(n, f.called, fl.called)
outcome("f", lambda: f)
outcome("flush", lambda: ev.flushEventualQueue())


def re_():
    ev.eventually(n.append, 2)


ev.eventually(re_)
clock.advance(0)
print(n)
clock.advance(0)
print(n)
ev._setReactor(None)


class S(codebase.AbsoluteSourceStampsMixin):
    codebases = {"a": {"repository": "r", "branch": "b"}}
    kept = {}

    def getState(self, name, default):
        print("state read", name, default)
        return defer.succeed(self.kept.get(name, default))

    def setState(self, name, value):
        print("state written", name, value)
        self.kept[name] = value
        return defer.succeed(None)


s = S()
outcome("cb", lambda: s.getCodebaseDict("a"))


class Ch:
    codebase = "a"
    revision = "r1"
    branch = "bb"
    repository = "rr"
    number = 5


outcome("rc", lambda: s.recordChange(Ch()))
s.createAbsoluteSourceStamps = True
outcome("rc", lambda: s.recordChange(Ch()))
outcome("cb", lambda: s.getCodebaseDict("a"))
Ch.number = 4
Ch.revision = "r0"
outcome("rc", lambda: s.recordChange(Ch()))
outcome("cb", lambda: s.getCodebaseDict("a"))

u = queue.UndoableQueue()
u.put(1)
u.put(2)
x = u.get()
u.unget(x)
print(u.get(), u.get())
