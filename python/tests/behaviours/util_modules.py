"""Modules of `buildbot.util` that compute."""

import os

from shown import outcome
from twisted.internet import (
    defer,  # noqa: F401 - before anything of Buildbot
    task,
)

from buildbot.util import backoff, misc, ssl
from buildbot.util import identifiers as i
from buildbot.util.async_sort import async_sort
from buildbot.util.bbcollections import KeyedSets
from buildbot.util.importlib_compat import entry_points_get
from buildbot.util.lineboundaries import LineBoundaryFinder as L
from buildbot.util.netstrings import NetstringParser
from buildbot.util.path_expand_user import nt_expanduser as ne
from buildbot.util.path_expand_user import posix_expanduser as pe
from buildbot.util.pathmatch import Matcher, ident
from buildbot.util.private_tempdir import PrivateTemporaryDirectory as PT
from buildbot.util.protocol import LineBuffer, LineProcessProtocol
from buildbot.util.render_description import render_description as rd
from buildbot.util.tuplematch import matchTuple

for n in (0, 5, 10, 50):
    for s in (
        "abc",
        "a b",
        "",
        "9a",
        "a" * 60,
        "é",
        "_x",
        "a.b",
        None,
        b"abc",
        5,
        "abc_1",
        "abc_9",
        "abcd_99",
        "abcdefghi_99",
        "-x",
        "a/b é",
        "日本",
    ):
        outcome(("isI", n, s), lambda: i.isIdentifier(n, s))
        outcome(("force", n, s), lambda: i.forceIdentifier(n, s))
        if isinstance(s, str):
            outcome(("inc", n, s), lambda: i.incrementIdentifier(n, s))
outcome("inc3", lambda: i.incrementIdentifier(2, "_9"))
outcome("inc4", lambda: i.incrementIdentifier(3, "a_9"))

for chunks in (
    ["a\nb", "c\n", "d"],
    ["a\r\nb\rc\n"],
    ["a\r", "\nb"],
    ["a\r", "b"],
    ["\x08\x08x\n"],
    ["\x1b[2Jq\x1b[1;2Hw\x1b[us\n"],
    ["", ""],
    ["x" * 5000],
    ["x" * 5000 + "\n"],
    ["x" * 4095, "y", "z\n"],
    ["a\n\n\nb"],
    ["\r"],
    ["abc\r\r\n"],
    ["a", "b", "c\n", "\n"],
    ["x" * 10000 + "\ny\n"],
    ["é\n"],
    ["\n".join(["x" * 5000] * 3)],
):
    f = L()
    outcome(
        [c[:20] for c in chunks],
        lambda: [
            r
            if r is None or len(r) < 200
            else (len(r), hash(r) == hash(r), r.count("\n"), [len(x) for x in r.split("\n")])
            for r in [f.append(c) for c in chunks] + [f.flush(), f.flush()]
        ],
    )
outcome("cb", lambda: L(print).__slots__)
f = L()
outcome("adj", lambda: (f.adjust_line("abc"), f.adjust_line("x" * 9000)[:10]))

outcome("id", lambda: [ident("a-b")])
outcome("id", lambda: ident("9"))
outcome("id2", lambda: ident("a.b"))
m = Matcher()
m["a",] = 1
m["a", "n:x"] = 2
m["a", "i:y", "b"] = 3
m["a", ":z"] = 4
m["s:q", "c"] = 5
m[()] = 6
for p in (
    ("a",),
    ("a", "5"),
    ("a", "x"),
    ("a", "foo", "b"),
    ("a", "5", "b"),
    ("z", "c"),
    ("q",),
    (),
    ("a", "-5"),
    ("a", "5.5"),
    ["a", "5"],
):
    outcome(p, lambda: m[p])


def dup():
    m["a",] = 9


outcome("dup", dup)


def bad():
    k = Matcher()
    k["q:x",] = 1
    return k["a",]


outcome("bad", bad)
outcome("pat", lambda: sorted(m.iterPatterns(), key=str))
outcome("repr", lambda: repr(Matcher()))

for a, b in (
    (("a", "b"), ("a", None)),
    (("a",), ("a", "b")),
    ((), ()),
    (("a", "b"), ("a", "c")),
    ((None,), (None,)),
):
    outcome((a, b), lambda: matchTuple(a, b))

k = KeyedSets()
k.add("a", 1)
k.add("a", 2)
k.add("b", 3)
k.discard("b", 3)
k.discard("zz", 1)
k.discard("a", 9)
outcome(
    "ks",
    lambda: (
        k["a"],
        k["b"],
        "a" in k,
        "b" in k,
        "zz" in k,
        k.pop("a"),
        k["a"],
        k.pop("q"),
        "a" in k,
    ),
)

for p in ("~", "~/x", "x", "~root/x", "~nosuchuser/x", "/~", "~/", "", "~x"):
    for e in ({}, {"HOME": "/h"}, {"HOME": "/h/"}, {"HOME": "/"}):
        outcome((p, e), lambda: pe(p, e))
for p in ("~", "~\\x", "~/x", "x", "~bob\\x", "~bob", ""):
    for e in (
        {},
        {"USERPROFILE": "C:\\U\\me"},
        {"HOMEPATH": "\\U\\me"},
        {"HOMEPATH": "\\U\\me", "HOMEDRIVE": "D:"},
        {"USERPROFILE": "C:\\U\\me", "USERNAME": "me"},
        {"USERPROFILE": "C:\\U\\other", "USERNAME": "me"},
    ):
        outcome((p, e), lambda: ne(p, e))


with PT(prefix="q", suffix="z", dir=".") as d:
    outcome("pt", lambda: (os.path.basename(d)[0], d[-1], oct(os.stat(d).st_mode)))
outcome("gone", lambda: os.path.exists(d))
x = PT(mode=488)
outcome("n", lambda: oct(os.stat(x.name).st_mode))
x.cleanup()
x.cleanup()


misc.writeLocalFile("written", "é", 416)
outcome("wl", lambda: (open("written", "rb").read(), oct(os.stat("written").st_mode)))
misc.writeLocalFile("written", "b")
outcome("wl", lambda: open("written", "rb").read())
outcome(
    "ch",
    lambda: [
        list(misc.chunkify_list([1, 2, 3, 4, 5], 2)),
        list(misc.chunkify_list([1], 0)),
        list(misc.chunkify_list([], 3)),
        list(misc.chunkify_list((1, 2, 3), -1)),
    ],
)


class LK:
    def __init__(s):
        s.lock = defer.DeferredLock()
        s.log = []

    @misc.deferredLocked("lock")
    def f(s, x):
        s.log.append(x)
        return defer.succeed(x)


l = LK()
outcome("lk", lambda: l.f(5))
lock = defer.DeferredLock()


@misc.deferredLocked(lock)
def g(x):
    return x + 1


outcome("lk2", lambda: g(1))
outcome("lk3", lambda: g.__name__)
clock = task.Clock()
d = defer.Deferred()
misc.cancelAfter(10, d, clock)
out = []
d.addErrback(lambda f: out.append(f.type.__name__))
clock.advance(11)
print(out)
d = defer.Deferred()
r = misc.cancelAfter(10, d, clock)
d.callback(3)
print(r is d, clock.getDelayedCalls())

b = backoff.ExponentialBackoffEngine(1, 2, 10)
outcome("bo", lambda: [b.calculate_wait_on_failure_seconds() for _ in range(3)])
outcome("bo2", lambda: [b.calculate_wait_on_failure_seconds() for _ in range(2)])
b.on_success()
outcome("bo3", lambda: b.calculate_wait_on_failure_seconds())
for a in ((-1, 1, 1), (1, -1, 1), (1, 1, -1)):
    outcome(a, lambda: backoff.ExponentialBackoffEngine(*a))
outcome("bw", lambda: b.wait_on_failure())
clock = task.Clock()
a = backoff.ExponentialBackoffEngineAsync(clock, 1, 2, 10)
d = a.wait_on_failure()
clock.advance(0.5)
print(d.called)
clock.advance(0.6)
print(d.called)
s = backoff.ExponentialBackoffEngineSync(0, 1, 0.0)
outcome("sync", lambda: s.wait_on_failure())

for a in ((None, None), ("x", None), ("x", "zz")):
    outcome(a, lambda: rd(*a))

outcome("ssl", lambda: (ssl.has_ssl, ssl.ssl_import_error, ssl.ensureHasSSL("x")))

outcome("ep", lambda: entry_points_get({"a": [1]}, "a"))

n = NetstringParser()
got = []
n.stringReceived = lambda s: got.append(s)


def ns(x):
    n.feed(x)
    return list(got)


for x in (b"3:abc,", b"2:x", b"y,1:q,", b"0:,", "1:z,", b"foo"):
    outcome(("ns", x), lambda: ns(x))

lb = LineBuffer()
outcome(
    "lb",
    lambda: [
        list(x)
        for x in (
            lb.add_data(b"a\nb"),
            lb.add_data(b"c\r\nd\n\n"),
            lb.add_data(b"e"),
            lb.get_trailing_line(),
            lb.get_trailing_line(),
        )
    ],
)


class LP(LineProcessProtocol):
    def outLineReceived(s, l):
        print("out", l)

    def errLineReceived(s, l):
        print("err", l)


p = LP()
p.outReceived(b"a\nb")
p.errReceived(b"q\n")
p.processEnded(None)


l = [3, 1, 2]
outcome("as", lambda: async_sort(l, lambda x: x))
print(l)
l = [3, 1, 2]
outcome("as", lambda: async_sort(l, lambda x: defer.succeed(-x)))
print(l)
l = [3, 1, 2]
outcome("as", lambda: async_sort(l, lambda x: 1 / 0))
print(l)
