"""Filters, fields, order and parts of lists."""

import dataclasses

from shown import outcome

from buildbot.data import base
from buildbot.data.resultspec import (
    Filter,
    NoneComparator,
    NotSupportedFieldTypeError,
    OptimisedResultSpec,
    Property,
    ResultSpec,
    ReverseComparator,
)

data = [
    {"name": "a", "n": 1, "t": ["x", "y"], "z": None},
    {"name": "b", "n": 3, "t": [], "z": 5},
    {"name": "C", "n": 2, "t": ["y"], "z": 1},
    {"name": "d", "n": None, "t": ["q"], "z": 0},
]


for op in ("eq", "ne", "lt", "le", "gt", "ge", "contains", "in", "notin", "foo"):
    for vals in ([1], [2], [1, 3], ["x"], ["x", "q"], [None], []):
        for fld in ("n", "t", "name"):
            outcome(
                (op, vals, fld),
                lambda: [d["name"] for d in Filter(fld, op, vals).apply(list(data))],
            )
f = Filter("a", "eq", [1])
print(
    repr(f),
    Filter("a", "in", ["x", b"y"]),
    Property("p", "eq", ["x"]),
    f == Filter("a", "eq", [1]),
    f != Filter("a", "eq", [2]),
    f == Property("a", "eq", [1]),
)
outcome("op", lambda: Filter("a", "eq", [1]).getOperator())
outcome("op2", lambda: Filter("a", "zz", [1]).getOperator())
for kw in (
    {},
    {"order": ["n"]},
    {"order": ["-n"]},
    {"order": ["name"]},
    {"order": ["z", "-name"]},
    {"limit": 2},
    {"offset": 1},
    {"offset": 1, "limit": 2},
    {"fields": ["name"]},
    {"fields": ["name", "q"]},
    {"filters": [Filter("n", "gt", [1])]},
    {"filters": [Filter("n", "ge", [1])], "order": ["-name"], "limit": 1, "fields": ["name", "n"]},
    {"order": ["zz"]},
    {"filters": [Filter("zz", "eq", [1])]},
    {"fields": ["zz"]},
):
    d = [{k: v for k, v in x.items()} for x in data if x["n"] is not None]
    outcome(kw and {k: str(v) for k, v in kw.items()}, lambda: repr(ResultSpec(**kw).apply(d)))
    outcome(
        "list",
        lambda: repr(ResultSpec(**kw).apply(base.ListResult(d, total=10, limit=5, offset=0))),
    )
    outcome("one", lambda: repr(ResultSpec(**kw).apply(dict(data[0]))))
    outcome("opt", lambda: repr(OptimisedResultSpec(**kw).apply(d)))
    print(
        repr(ResultSpec(**kw)),
        ResultSpec(**kw) == ResultSpec(**kw),
        ResultSpec(**kw) != ResultSpec(limit=9),
    )


def rs():
    return ResultSpec(
        filters=[
            Filter("b", "eq", [True]),
            Filter("s", "eq", ["x"]),
            Filter("i", "eq", ["5"]),
            Filter("i2", "eq", ["q"]),
            Filter("nb", "ne", [True]),
            Filter("m", "eq", [1, 2]),
        ],
        properties=[Property("p", "eq", ["a", "b"]), Property("q", "ne", ["c"])],
        fields=["f", "g"],
        order=["o"],
        limit=1,
        offset=2,
    )


for m, a in (
    ("popProperties", ()),
    ("popFilter", ("m", "eq")),
    ("popFilter", ("zz", "eq")),
    ("popOneFilter", ("s", "eq")),
    ("popOneFilter", ("zz", "eq")),
    ("popBooleanFilter", ("b",)),
    ("popBooleanFilter", ("nb",)),
    ("popBooleanFilter", ("zz",)),
    ("popStringFilter", ("s",)),
    ("popIntegerFilter", ("i",)),
    ("popIntegerFilter", ("i2",)),
    ("popIntegerFilter", ("zz",)),
    ("popField", ("f",)),
    ("popField", ("zz",)),
    ("removePagination", ()),
    ("removeOrder", ()),
):
    x = rs()
    outcome((m, a), lambda: getattr(x, m)(*a))
    print("   ", repr(x))
x = ResultSpec()
outcome("popField0", lambda: x.popField("a"))
print(
    [repr(NoneComparator(v))[:1] for v in (1,)],
    sorted([3, None, 1], key=NoneComparator),
    sorted([3, None, 1], key=lambda v: ReverseComparator(NoneComparator(v))),
)
print(
    NoneComparator(None) < NoneComparator(1),
    NoneComparator(1) < NoneComparator(None),
    NoneComparator(None) == NoneComparator(None),
    NoneComparator(1) > NoneComparator(None),
    NoneComparator(None) > NoneComparator(None),
    NoneComparator(None) < NoneComparator(None),
    ReverseComparator(1) < ReverseComparator(2),
    ReverseComparator(1) == ReverseComparator(1),
    ReverseComparator(1) != ReverseComparator(1),
)


@dataclasses.dataclass
class D:
    a: int


outcome(
    "dc",
    lambda: ResultSpec(filters=[Filter("a", "eq", [1])], order=["-a"]).apply([D(2), D(1), D(1)]),
)
outcome("dcf", lambda: ResultSpec(fields=["a"]).apply([D(2)]))
outcome("dcf1", lambda: ResultSpec(fields=["a"]).apply(D(2)))
outcome("bad", lambda: ResultSpec(filters=[Filter("a", "eq", [1])]).apply([5]))
l = base.ListResult([1, 2], offset=0, total=5, limit=2)
print(
    l,
    l == [1, 2],
    base.ListResult([1, 2]) == [1, 2],
    l == base.ListResult([1, 2], offset=0, total=5, limit=2),
    base.ListResult([1, 2], total=2) == [1, 2],
    base.ListResult([1, 2], total=3) == [1, 2],
)
print(ResultSpec().fieldMapping, NotSupportedFieldTypeError(5))
rows = [{"a": 1, "b": 2}, {"a": 2, "b": 1}]
outcome("ff", lambda: ResultSpec(fields=["a"], filters=[Filter("b", "eq", [1])]).apply(list(rows)))
outcome("fo", lambda: ResultSpec(fields=["a"], order=["b"]).apply(list(rows)))
for fl in (b"property", "property"):
    x = ResultSpec(properties=[Property(fl, "eq", ["a", "b"]), Property(fl, "eq", ["c"])])
    print(x.popProperties(), x)
outcome("none", lambda: ResultSpec().apply(None))
outcome("gen", lambda: ResultSpec(fields=["a"], limit=1).apply(iter(rows)))
outcome("lr2", lambda: ResultSpec(limit=1).apply(base.ListResult(rows)))
outcome("lim0", lambda: ResultSpec(limit=0).apply(list(rows)))
outcome("total", lambda: ResultSpec(limit=1, offset=1).apply(base.ListResult(rows, total=9)))
outcome("total", lambda: ResultSpec().apply(base.ListResult(rows, total=9)))
