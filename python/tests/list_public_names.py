"""Lists what the importable `buildbot` defines in some packages; see test_rest_names.py.

Reads a list of package names from standard input; writes module → public names: those that
it defines, and those that it takes from elsewhere in `buildbot`; or the error of its import.
"""

import importlib
import inspect
import json
import os
import pkgutil
import sys


def modules_of(name):
    package = importlib.import_module(name)
    yield name
    for found in pkgutil.walk_packages(getattr(package, "__path__", ()), name + "."):
        if ".migrations" not in found.name:
            yield found.name


def public_names(module):
    """(names that the module defines, names that it takes from other modules of `buildbot`)."""
    own, taken = [], []
    for name, value in vars(module).items():
        if name.startswith(("_", "TYPE_")) or inspect.ismodule(value):
            continue
        owner = getattr(value, "__module__", None) or ""
        if owner == module.__name__:
            own.append(name)
        elif owner.startswith("buildbot.") or isinstance(value, (int, str, list, tuple, dict)):
            taken.append(name)
    return sorted(own), sorted(taken)


def main():
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    found = {}
    for package in json.load(sys.stdin):
        for name in modules_of(package):
            try:
                found[name] = public_names(importlib.import_module(name))
            except ImportError as error:
                found[name] = f"{type(error).__name__}: {error}"
    json.dump(found, answer)
    answer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
