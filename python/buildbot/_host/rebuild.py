"""Makes renderables of their descriptions, so that parts of them can be rendered here."""

from __future__ import annotations


def rebuilt(values, item):
    """The value that `item` describes, with renderables that can be rendered."""
    kind = type(item)
    if kind is list:
        return [rebuilt(values, part) for part in item]
    if kind is not dict:
        return item
    name = item.get("$")
    make = _MADE.get(name)
    if make is not None:
        return make(values, item)
    if name == "tuple":
        return tuple(rebuilt(values, part) for part in item["v"])
    if name == "dict":
        return {rebuilt(values, key): rebuilt(values, part) for key, part in item["v"]}
    return values.decoded(item)


def _named(values, pairs):
    return {name: rebuilt(values, part) for name, part in pairs or ()}


def _property(values, item):
    from buildbot.process.properties import Property

    return Property(
        values.decoded(item["key"]),
        rebuilt(values, item.get("default")),
        rebuilt(values, item.get("defaultWhenFalse", True)),
    )


def _interpolate(values, item):
    from buildbot.process.properties import Interpolate

    return Interpolate(
        values.decoded(item["fmt"]),
        *rebuilt(values, item.get("args") or []),
        **_named(values, item.get("kwargs")),
    )


def _with_properties(values, item):
    from buildbot.process.properties import WithProperties

    return WithProperties(
        values.decoded(item["fmt"]),
        *rebuilt(values, item.get("args") or []),
        **_named(values, item.get("kwargs")),
    )


def _flatten_list(values, item):
    from buildbot.process.properties import FlattenList

    kinds = {"list": list, "tuple": tuple}
    return FlattenList(
        rebuilt(values, item["list"]), tuple(kinds[name] for name in item["types"])
    )


def _secret(values, item):
    from buildbot.process.properties import Secret

    return Secret(values.decoded(item["name"]))


def _transform(values, item):
    from buildbot.process.properties import Transform

    return Transform(
        rebuilt(values, item["function"]),
        *rebuilt(values, item.get("args") or []),
        **_named(values, item.get("kwargs")),
    )


def _renderer(values, item):
    from buildbot.process.properties import renderer

    made = renderer(values.handles[item["h"]])
    made.args = rebuilt(values, item.get("args") or [])
    made.kwargs = _named(values, item.get("kwargs"))
    return made


def _operation(values, item):
    from buildbot.process.properties import _OPERATORS, _OperatorRenderer

    sign = item["op"]
    return _OperatorRenderer(
        rebuilt(values, item["left"]), rebuilt(values, item["right"]), sign, _OPERATORS[sign]
    )


_MADE = {
    "Property": _property,
    "Interpolate": _interpolate,
    "WithProperties": _with_properties,
    "FlattenList": _flatten_list,
    "Secret": _secret,
    "Transform": _transform,
    "renderer": _renderer,
    "op": _operation,
}
