"""Lists what modules of the importable `buildbot` take from elsewhere; see test_rest_names.py.

Configurations use such names by accident: ``libvirt.defer``, ``from buildbot.schedulers.basic
import util``. Written is module → names of what it takes from Twisted (the usual ones only), from
`zope.interface` and from other modules of `buildbot`.
"""

import importlib
import inspect
import json
import os
import pkgutil
import sys

# What only the master's own workings would use.
NOT = (
    "buildbot_net_usage_data data db mq wamp master clients plugins monkeypatches scripts test"
).split()
NOT_SUBMODULES = ("buildbot.worker.protocols", "buildbot.www.", "buildbot.util")
OF_TWISTED = "defer log reactor task threads failure Failure error".split()


def modules():
    import buildbot

    for found in pkgutil.walk_packages(buildbot.__path__, "buildbot."):
        parts = found.name.split(".")
        if parts[1] not in NOT and not found.name.startswith(NOT_SUBMODULES):
            yield found.name


def is_taken(module, name, value):
    if inspect.ismodule(value):
        owner = value.__name__
        if owner.startswith("twisted."):
            return name in OF_TWISTED
        return owner == f"buildbot.{name}"
    if name in ("reactor", "Failure") and "twisted" in type(value).__module__:
        return True
    if name == "implementer":
        return True
    owner = getattr(value, "__module__", None) or ""
    owned = owner.startswith("buildbot.") and owner != module and not owner.startswith(module + ".")
    return owned and getattr(value, "__name__", None) == name


def main():
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from twisted.internet import reactor  # noqa: F401 - the modules import it in another order

    sys.stdin.read()
    found = {}
    for name in modules():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        found[name] = sorted(
            attribute
            for attribute, value in vars(module).items()
            if not attribute.startswith("_") and is_taken(name, attribute, value)
        )
    json.dump(found, answer)
    answer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
