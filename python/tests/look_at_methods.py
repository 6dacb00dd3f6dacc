"""Tells the parameters of the public methods of classes; see test_rest_names.py.

Reads a list of [module, class name] from standard input; writes `module.class` → method →
its parameters, "attribute" for what cannot be called, or null for a class that is not there.
"""

import importlib
import inspect
import json
import os
import sys


def methods(cls):
    found = {}
    ours = [base for base in cls.__mro__ if base.__module__.startswith("buildbot.")]
    for name in dir(cls):
        if name.startswith("_") or not any(name in vars(base) for base in ours):
            continue
        try:
            value = getattr(cls, name)
        except Exception:
            continue
        found[name] = "attribute"
        if callable(value) and not inspect.isclass(value):
            found[name] = parameters(value)
    return found


def parameters(function):
    try:
        known = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "unknown"
    return [[one.name, one.kind.name, one.default is not one.empty] for one in known]


def main():
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    found = {}
    for module_name, name in json.load(sys.stdin):
        value = getattr(importlib.import_module(module_name), name, None)
        if inspect.isclass(value):
            found[f"{module_name}.{name}"] = methods(value)
        elif value is None:
            found[f"{module_name}.{name}"] = None
    json.dump(found, answer)
    answer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
