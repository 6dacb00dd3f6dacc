"""Tells what the importable `buildbot` offers; see test_names.py.

Reads ``names.json`` from standard input, writes module.name → what it is: ``missing``, ``error``
with a text, or ``there`` with the signatures of the things that can be called.
"""

import importlib
import inspect
import json
import os
import re
import sys

METHODS = ("__init__", "checkConfig", "reconfigService")


def signature(function):
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    return [
        [
            parameter.name,
            parameter.kind.name,
            None if parameter.default is parameter.empty else shown(parameter.default),
        ]
        for parameter in found.parameters.values()
    ]


def shown(default):
    if inspect.isfunction(default):
        return "a function"
    if inspect.isclass(default):
        return f"class {default.__name__}"
    text = re.sub(r"<function .*? at 0x[0-9a-f]+>", "a function", repr(default))
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return "= " + re.sub(r"^<(?:\w+\.)*(\w+) object>$", r"object \1", text)


def look(thing):
    facts = {"is": "there"}
    if inspect.isclass(thing):
        facts["kind"] = "class"
        for name in METHODS:
            method = getattr(thing, name, None)
            if method is not None and (inspect.isfunction(method) or inspect.ismethod(method)):
                facts[name] = signature(method)
    elif inspect.isfunction(thing) or inspect.isbuiltin(thing):
        facts["kind"] = "function"
        facts["call"] = signature(thing)
    elif inspect.ismodule(thing):
        facts["kind"] = "module"
    elif isinstance(thing, (int, str, list, tuple)) and not hasattr(thing, "__html__"):
        facts["kind"] = "constant"
        facts["value"] = re.sub(r"<function .*? at 0x[0-9a-f]+>", "a function", repr(thing))
    else:
        facts["kind"] = "object"
    return facts


def main():
    # What user code prints is not the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    wanted = json.load(sys.stdin)
    try:
        from buildbot._host import standin

        standin.install()
    except ImportError:
        pass
    found = {}
    for module_name, names in wanted["modules"].items():
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            found[module_name] = {"is": "error", "text": f"{type(error).__name__}: {error}"}
            continue
        for name in names.split():
            key = f"{module_name}.{name}"
            try:
                found[key] = look(getattr(module, name))
            except AttributeError:
                found[key] = {"is": "missing"}
            except Exception as error:
                found[key] = {"is": "error", "text": f"{type(error).__name__}: {error}"}
    from buildbot.plugins.db import get_plugins

    for namespace, names in wanted["plugins"].items():
        plugins = get_plugins(namespace)
        for name in names:
            key = f"plugins.{namespace}.{name}"
            try:
                thing = plugins.get(name)
            except Exception as error:
                found[key] = {"is": "error", "text": f"{type(error).__name__}: {error}"}
            else:
                found[key] = look(thing)
    json.dump(found, answer)
    answer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
