"""Evaluates generated values with the real Buildbot, and answers what Rust asks of Python.

Run as ``oracle.py SEED COUNT``. The first line of output is a JSON array of cases: a value in the
form of the configuration host's format, the context it is evaluated in, and what became of it.
Then each line of input is a round, ``{"context": index, "items": [...]}``, and each line of output
its answers.
"""

import base64
import json
import math
import operator
import random
import re
import sys

from buildbot.process import properties as p
from generate import Generator
from twisted.internet import defer
from twisted.python.failure import Failure

OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


# ---------------------------------------------------------------------- code of a configuration


def returns_arguments(*args, **kwargs):
    return [args, kwargs]


def returns_one(*args, **kwargs):
    return 1


def returns_nothing(*args, **kwargs):
    return None


def fails(*args, **kwargs):
    raise OSError("no such thing")


def returns_property_object(*args, **kwargs):
    return p.Property("a", "other")


def returns_first(*args, **kwargs):
    return args[0]


def asks_property(props, *args, **kwargs):
    return props.getProperty("a")


def returns_renderables(props, *args, **kwargs):
    return [p.Property("ren"), {"k": p.Interpolate("<%(prop:z)s>")}, args, kwargs]


def returns_renderer(props, *args, **kwargs):
    return p.renderer(asks_property)


def misses_property(props, *args, **kwargs):
    return props.getProperties()["no such property"]


def returns_later(props, *args, **kwargs):
    return defer.succeed(p.Property("l"))


class Custom:
    def __init__(self, result):
        self.result = result

    def __repr__(self):
        return "<Custom>"

    def getRenderingFor(self, props):
        if self.result == "fail":
            raise LookupError("custom")
        if self.result == "property":
            return p.Property("a")
        return props.getProperty("l")


class Thing:
    """What the format calls opaque."""

    def __repr__(self):
        return "<Thing>"


TRANSFORMS = [
    returns_arguments,
    returns_one,
    returns_nothing,
    fails,
    returns_property_object,
    returns_first,
]
RENDERERS = [
    asks_property,
    returns_renderables,
    returns_renderer,
    misses_property,
    returns_later,
]
CUSTOMS = [Custom("list"), Custom("property"), Custom("fail")]
THINGS = [Thing()]
CODE = TRANSFORMS + RENDERERS + CUSTOMS + THINGS


def handle(of):
    return next(index for index, code in enumerate(CODE) if code is of)


# ----------------------------------------------------------------------- from and to the format


def build(value):
    """The objects of the real Buildbot that a described value stands for."""
    if isinstance(value, list):
        return [build(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value["$"]
    if kind == "int":
        return int(value["v"])
    if kind == "float":
        return float(value["v"])
    if kind == "bytes":
        return base64.b64decode(value["v"])
    if kind in ("tuple", "set", "frozenset"):
        make = {"tuple": tuple, "set": set, "frozenset": frozenset}[kind]
        return make([build(item) for item in value["v"]])
    if kind == "dict":
        return {build(key): build(item) for key, item in value["v"]}
    if kind in ("fn", "opaque", "renderable"):
        return CODE[value["h"]]
    args = [build(item) for item in value.get("args", ())]
    kwargs = {name: build(item) for name, item in value.get("kwargs", ())}
    if kind == "Property":
        return p.Property(
            build(value["key"]), build(value["default"]), build(value["defaultWhenFalse"])
        )
    if kind == "Interpolate":
        return p.Interpolate(build(value["fmt"]), *args, **kwargs)
    if kind == "WithProperties":
        return p.WithProperties(build(value["fmt"]), *args, **kwargs)
    if kind == "FlattenList":
        types = tuple({"list": list, "tuple": tuple}[name] for name in value["types"])
        return p.FlattenList(build(value["list"]), types)
    if kind == "Secret":
        return p.Secret(value["name"])
    if kind == "Transform":
        return p.Transform(build(value["function"]), *args, **kwargs)
    if kind == "renderer":
        return p.renderer(CODE[value["h"]]).withArgs(*args, **kwargs)
    assert kind == "op", kind
    left, right = build(value["left"]), build(value["right"])
    if value["op"] == "in":
        return left.in_(right) if hasattr(left, "in_") else left in right
    return OPERATORS[value["op"]](left, right)


def unmakeable(value):
    """The innermost part of a described value that the real Buildbot refuses to make, if any."""
    if isinstance(value, list):
        return next(filter(None, map(unmakeable, value)), None)
    if not isinstance(value, dict):
        return None
    for part in value.values():
        found = unmakeable(part)
        if found:
            return found
    try:
        build(value)
    except Exception:
        return value
    return None


def described(value):
    """A value in the form of the format."""
    if type(value) is str:
        return re.sub(r"(_PropertyMap object) at 0x[0-9a-f]+", r"\1", value)
    if value is None or value is True or value is False:
        return value
    if type(value) is int:
        return value if abs(value) <= 1 << 53 else {"$": "int", "v": str(value)}
    if type(value) is float:
        return value if math.isfinite(value) else {"$": "float", "v": str(value)}
    if type(value) is bytes:
        return {"$": "bytes", "v": base64.b64encode(value).decode()}
    if type(value) is list:
        return [described(item) for item in value]
    if type(value) in (tuple, set, frozenset):
        return {"$": type(value).__name__, "v": [described(item) for item in value]}
    if type(value) is dict:
        return {"$": "dict", "v": pairs(value)}
    if isinstance(value, p.Property):
        return {
            "$": "Property",
            "key": described(value.key),
            "default": described(value.default),
            "defaultWhenFalse": described(value.defaultWhenFalse),
        }
    if isinstance(value, p.Interpolate):
        return {
            "$": "Interpolate",
            "fmt": described(value.fmtstring),
            "args": [described(item) for item in value.args],
            "kwargs": pairs(value.kwargs),
        }
    if isinstance(value, p.WithProperties):
        return {
            "$": "WithProperties",
            "fmt": described(value.fmtstring),
            "args": [described(item) for item in value.args],
            "kwargs": pairs(getattr(value, "lambda_subs", {})),
        }
    if isinstance(value, p.FlattenList):
        types = value.types if isinstance(value.types, tuple) else (value.types,)
        return {
            "$": "FlattenList",
            "list": described(value.nestedlist),
            "types": [kind.__name__ for kind in types],
        }
    if isinstance(value, p.Secret):
        return {"$": "Secret", "name": value.secret_name}
    if isinstance(value, p.Transform):
        return {
            "$": "Transform",
            "function": described(value._function),
            "args": [described(item) for item in value._args],
            "kwargs": pairs(value._kwargs),
        }
    if isinstance(value, p._OperatorRenderer):
        return {
            "$": "op",
            "op": value.cstr,
            "left": described(value.v1),
            "right": described(value.v2),
        }
    if hasattr(value, "withArgs"):
        return {
            "$": "renderer",
            "h": handle(value.fn),
            "name": value.fn.__name__,
            "args": [described(item) for item in value.args],
            "kwargs": pairs(value.kwargs),
        }
    if isinstance(value, Custom):
        return {"$": "renderable", "h": handle(value), "type": "m.Custom", "repr": repr(value)}
    if isinstance(value, Thing):
        return {"$": "opaque", "h": handle(value), "type": "m.Thing", "repr": repr(value)}
    return {"$": "fn", "h": handle(value), "name": value.__name__, "params": None}


def pairs(mapping):
    return [[described(key), described(value)] for key, value in mapping.items()]


def outcome(of):
    """What a Deferred or a failing function ends with, described."""
    ended = []
    try:
        defer.maybeDeferred(of).addBoth(ended.append)
        (value,) = ended
        if not isinstance(value, Failure):
            return {"ok": described(value)}
        error = value.value
    except Exception as raised:
        error = raised
    while isinstance(error, defer.FirstError):
        error = error.subFailure.value
    # `str` of a KeyError quotes; a message of several problems has one a line.
    return {
        "error": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": str(error),
    }


# ------------------------------------------------------------------------------------- contexts


class Named:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Secrets:
    def __init__(self, known):
        self.known = known

    def get(self, name):
        value = self.known.get(name)
        return defer.succeed(None if value is None else Named(value=value))


class Build:
    def __init__(self, context, master):
        self.stamps = context["stamps"]
        self.worker = context["worker"]
        self.master = master

    def getAllSourceStamps(self):
        return [Named(asDict=lambda stamp=stamp: stamp) for stamp in self.stamps]

    def getWorkerInfo(self):
        return self.worker


def properties_of(context):
    properties = p.Properties()
    for name, value in context["properties"]:
        properties.setProperty(name, build(value), "test")
    master = None
    if context["secrets"] is not None:
        services = {"secrets": Secrets(context["secrets"])} if context["secrets"] else {}
        master = Named(namedServices=services)
    if context["worker"] is not None:
        properties.build = Build(context, master)
    else:
        properties.master = master
        if context["stamps"] is not None:
            properties.sourcestamps = context["stamps"]
    return properties


def answer(item, properties):
    """What the configuration host answers: functions are called, and what they return is left as it is."""
    kind = item["$"]
    if kind in ("renderer", "Transform"):
        args = [build(value) for value in item["args"]]
        kwargs = {name: build(value) for name, value in item["kwargs"]}
        if kind == "renderer":
            return CODE[item["h"]](properties, *args, **kwargs)
        return build(item["function"])(*args, **kwargs)
    if kind == "op":
        left, right = build(item["left"]), build(item["right"])
        return left in right if item["op"] == "in" else OPERATORS[item["op"]](left, right)
    return properties.render(build(item))


def main(seed, count):
    codes = {
        "transforms": [described(code) for code in TRANSFORMS],
        "renderers": [described(code) for code in RENDERERS],
        # `WithProperties` would show the Deferred itself.
        "prompt_renderers": [described(code) for code in RENDERERS if code is not returns_later],
        "customs": [described(code) for code in CUSTOMS],
        "things": [described(code) for code in THINGS],
    }
    generator = Generator(random.Random(seed), codes)
    contexts = generator.contexts()
    cases = []
    for _ in range(count):
        index = generator.random.randrange(len(contexts))
        value = generator.value(generator.random.choice((1, 2, 2, 3, 3, 4)))
        # What cannot be made is tried alone: a configuration with it would not have come so far.
        value = unmakeable(value) or value
        properties = properties_of(contexts[index])
        expected = outcome(lambda: properties.render(build(value)))
        text = "a s3cret, aa bb\n x"
        cases.append({
            "value": value,
            "context": index,
            "expected": expected,
            "cleaned": [text, properties.cleanupTextFromSecrets(text)],
        })
    print(json.dumps({"contexts": contexts, "cases": cases}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        properties = properties_of(contexts[asked["context"]])
        answers = [outcome(lambda item=item: answer(item, properties)) for item in asked["items"]]
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
