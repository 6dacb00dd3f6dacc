"""Renders values with whichever `buildbot` package is importable; see test_rendering.py.

Reads a JSON list of expressions, writes a list of outcomes: ``["value", repr]``,
``["raised", class]`` for constructing, ``["failed", class]`` for rendering.
"""

import json
import os
import re
import sys


def properties():
    from buildbot.process.properties import Interpolate, Properties, Property, renderer

    made = Properties()
    values = {
        "a": "A",
        "n": None,
        "z": 0,
        "e": "",
        "f": False,
        "l": [1, "x"],
        "d": {"k": 1},
        "t": 3.5,
        "s": "x y",
        "i": 7,
        "nested": Interpolate("<%(prop:a)s>"),
        "fn": renderer(lambda props: Property("a")),
    }
    for name, value in values.items():
        made.setProperty(name, value, "Test")
    made.sourcestamps = [
        {"codebase": "", "branch": "b1", "revision": None, "repository": "", "project": "p"},
        {"codebase": "lib", "branch": None, "revision": "r2", "repository": "u", "project": ""},
    ]
    made.changes = []
    return made


def innermost(error):
    while hasattr(error, "subFailure"):
        error = error.subFailure.value
    return type(error).__name__


def main():
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    expressions = json.load(sys.stdin)
    try:
        from buildbot._host import standin

        standin.install()
    except ImportError:
        pass
    from buildbot.process import properties as module

    names = {
        name: getattr(module, name)
        for name in (
            "FlattenList",
            "Interpolate",
            "Property",
            "Secret",
            "Transform",
            "WithProperties",
            "renderer",
        )
    }
    names["util"] = type("util", (), names)
    props = properties()
    outcomes = []
    for expression in expressions:
        try:
            value = eval(expression, dict(names))
        except Exception as error:
            outcomes.append(["raised", type(error).__name__])
            continue
        found = []
        rendering = props.render(value)
        rendering.addCallbacks(
            lambda result: found.append(["value", re.sub(" at 0x[0-9a-f]+", "", repr(result))]),
            lambda failure: found.append(["failed", innermost(failure.value)]),
        )
        outcomes.append(found[0] if found else ["pending", ""])
    json.dump(outcomes, answer)
    answer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
