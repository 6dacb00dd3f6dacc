"""Functions of `buildbot.util`."""

import datetime

from buildbot import util as u

prev = None
for s in (
    list(range(0, 4000)) + list(range(4000, 200000, 50)) + list(range(200000, 80000000, 20000))
):
    r = u.fuzzyInterval(s)
    if prev is None or r.split(" ")[1:] != prev.split(" ")[1:]:
        print(s, r)
    prev = r
for s in [
    0,
    0.5,
    11,
    49,
    91,
    100,
    3000,
    5500,
    9000,
    70000,
    80000,
    90000,
    200000,
    2000000,
    3000000,
    30000000,
    50000000,
]:
    print(s, u.fuzzyInterval(s))
for s in [0, 5, 60, 61, 3600, 3661, 90000, -5, 12.5, 59.7]:
    print(s, u.formatInterval(s))
for a in [0, 1, 60, 3600, 86400, 86399, 90061, 172861, 0.5, -10, 7322]:
    print(a, repr(u.human_readable_delta(0, a)))
for v in [
    "1",
    True,
    "yes",
    b"True",
    "off",
    "no",
    "0",
    None,
    "",
    "y",
    "t",
    1,
    0,
    "Foo",
    b"1",
    "on",
    "TRUE",
]:
    try:
        print(repr(v), u.string2boolean(v))
    except Exception as e:
        print(repr(v), repr(e))
for v in [None, [1], (1, 2), "a", {1: 2}, set([1]), "", b"x"]:
    print(v, u.makeList(v))
for v in [None, 5, "a", b"x", [1], {}]:
    for f in (
        u.none_or_str,
        u.unicode2bytes,
        u.bytes2unicode,
        u.join_list,
        u.safeTranslate,
        u.toJson,
        u.stripUrlPassword,
    ):
        try:
            print(f.__name__, repr(v), repr(f(v)))
        except Exception as e:
            print(f.__name__, repr(v), repr(e))
for v in [
    "a",
    "a b",
    ["a"],
    ["a", "b"],
    ["a", "b", "c"],
    ["a", "b", "c", "d"],
    [],
    None,
    5,
    [["a", "b"], "c"],
    [b"a", "b"],
    "  a   b   c",
    (1, 2, 3),
    [1, [2, [3]]],
    "a b c d",
    [b"\xff\xfe", "b"],
    [""],
    "",
]:
    try:
        print(repr(v), repr(u.command_to_string(v)))
    except Exception as e:
        print(repr(v), repr(e))
print(u.toJson(datetime.datetime(2020, 1, 1, tzinfo=u.UTC)))
for v in [0, None, 1577836800, 1577836800.5]:
    try:
        d = u.epoch2datetime(v)
        print(v, repr(d), u.datetime2epoch(d))
    except Exception as e:
        print(v, repr(e))
try:
    print(u.datetime2epoch(datetime.datetime(2020, 1, 1)))
except Exception as e:
    print(repr(e))
print(
    repr(u.rewrap("\nabc\ndef\n\n ghi\njkl\n\n\n x\n")),
    repr(u.rewrap("\n  the quick brown fox\n  jumps over\n\n\n  the lazy\n   dog", 20)),
    repr(u.rewrap("a\n  b\nc\n")),
    repr(u.rewrap("  a\n  b\n\n\n\nc\n")),
)
print(
    u.dictionary_merge({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 5}, "e": 3}),
    u.dictionary_merge({"a": {"x": 1}}, {"a": 4}),
    u.dictionary_merge({"a": 4}, {"a": {"x": 1}}),
    u.dictionary_merge({"a": [1]}, {"a": [2]}),
)
for a in ["http://a:b@c/d", "http://a@c.example/d", "http://c/d", "git@h:x", "ssh://u:p:q@c:22/x"]:
    print(a, u.stripUrlPassword(a))
print(u.safeTranslate('a b/é"x'), u.safeTranslate(b"x y"), u.safeTranslate("a.b-c:d"))
print(
    list(u.flattened_iterator([1, [2, (3, [4])]])),
    u.flatten([1, [2, (3, [4])]]),
    u.flatten((1, [2]), (list, tuple)),
    u.flatten(5),
    u.flatten((1, [2])),
)
print(u.diffSets([1, 2], [2, 3]), u.diffSets(None, [2]) if 0 else "")
a = ["a10", "a2", "b", "1", "10", "2"]
print(u.naturalSort(a), a)


class A(u.ComparableMixin):
    compare_attrs = ("x", "y", "passwd", "_p")

    def __init__(s, x, **k):
        s.x = x
        s.__dict__.update(k)


class B(A):
    compare_attrs = ("z",)


class C(A):
    pass


print(
    A(1) == A(1),
    A(1) == B(1),
    hash(A(1)) == hash(A(1)),
    A(1) < A(2),
    A(1) < B(2),
    B(1) < A(2),
    A(1) <= A(1),
    A(2) > A(1),
    A(2) >= B(2),
    A(1) != A(1),
    A(1) == 5,
    A(1).getConfigDict(),
    A(1, passwd=3, _p=4, y=None).getConfigDict(),
    B(1, z=2).getConfigDict(),
)
print(
    u.ComparableMixin.isEquivalent(A(1), A(1)),
    u.ComparableMixin.isEquivalent(A(1), B(1)),
    u.ComparableMixin.isEquivalent(A(1), 5),
    u.ComparableMixin.isEquivalent(A(1, y=1), A(1)),
)
print(A(1, y=1) == A(1), A(1) == A(1, y=None))
for op in ["__lt__", "__eq__", "__ne__", "__gt__"]:
    print(op, getattr(A(1), op)(B(1)), getattr(A(1), op)(5), getattr(A(1), op)(C(1)))
print(
    type(u.epoch2datetime(0)),
    u.badchars_map,
    bool(u.NotABranch),
    repr(u.NotABranch)[:20],
)
try:
    A([1]).__hash__()
except Exception as e:
    print(repr(e))
print(repr(u._netloc_url_re))
