"""How renderables of this package are described: by what they consist of."""

from __future__ import annotations

import sys


def by_class(describer, kind):
    """The function that describes values of `kind`; None if it is no renderable.

    A user's class derived from one of ours is opaque: it may compute anything.
    """
    if getattr(kind, "_described_as_object", False):
        if (kind.getRenderingFor.__module__ or "").startswith("buildbot."):
            return None
    module = sys.modules.get("buildbot.process.properties")
    if module is None or not issubclass(kind, module._Renderable):
        return describer._users_renderable if hasattr(kind, "getRenderingFor") else None
    describe = _DESCRIBED.get(kind.__name__)
    if describe is None or getattr(module, kind.__name__, None) is not kind:
        return describer._users_renderable
    return lambda value: describe(describer, value)


def _at(describer, value):
    return describer.place(value.__dict__.get("_place"))


def _property(describer, value):
    return {
        "$": "Property",
        "key": describer.value(value.key),
        "default": describer.value(value.default),
        "defaultWhenFalse": describer.value(value.defaultWhenFalse),
        "at": _at(describer, value),
    }


def _named(describer, values):
    return [[name, describer.value(value)] for name, value in values.items()]


def _interpolate(describer, value):
    described = {"$": "Interpolate", "fmt": describer.value(value.fmtstring)}
    if value.args:
        described["args"] = describer._list(value.args)
    else:
        described["kwargs"] = _named(describer, value.kwargs)
    described["at"] = _at(describer, value)
    return described


def _with_properties(describer, value):
    described = {"$": "WithProperties", "fmt": describer.value(value.fmtstring)}
    if value.args:
        described["args"] = describer._list(value.args)
    else:
        described["kwargs"] = _named(describer, value.lambda_subs)
    described["at"] = _at(describer, value)
    return described


def _flatten_list(describer, value):
    types = value.types if isinstance(value.types, tuple) else (value.types,)
    if not all(kind in (list, tuple) for kind in types):
        return describer._users_renderable(value)
    return {
        "$": "FlattenList",
        "list": describer.value(value.nestedlist),
        "types": [kind.__name__ for kind in types],
        "at": _at(describer, value),
    }


def _secret(describer, value):
    return {
        "$": "Secret",
        "name": describer.value(value.secret_name),
        "at": _at(describer, value),
    }


def _transform(describer, value):
    return {
        "$": "Transform",
        "function": describer.value(value._function),
        "args": describer._list(value._args),
        "kwargs": _named(describer, value._kwargs),
        "at": _at(describer, value),
    }


def _renderer(describer, value):
    fn = value.fn
    module = getattr(fn, "__module__", None) or ""
    name = getattr(fn, "__qualname__", type(fn).__qualname__)
    if module.startswith("buildbot.") and not value.args and not value.kwargs:
        return {"$": "ref", "name": f"{module}.{name}"}
    from buildbot._host.places import place_of_function

    return {
        "$": "renderer",
        "h": describer.handles.number(fn),
        "name": name,
        "at": describer.place(place_of_function(fn)) or _at(describer, value),
        "args": describer._list(value.args),
        "kwargs": _named(describer, value.kwargs),
    }


def _operation(describer, value):
    return {
        "$": "op",
        "op": value.cstr,
        "left": describer.value(value.v1),
        "right": describer.value(value.v2),
        "at": _at(describer, value),
    }


_DESCRIBED = {
    "Property": _property,
    "Interpolate": _interpolate,
    "WithProperties": _with_properties,
    "FlattenList": _flatten_list,
    "Secret": _secret,
    "Transform": _transform,
    "_Renderer": _renderer,
    "_OperatorRenderer": _operation,
}
