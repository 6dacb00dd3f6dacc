"""Lets stand-ins for Twisted and zope.interface be imported where the real ones are missing."""

from __future__ import annotations

import os
import sys

_FOLDER = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "_standin"
)
_NAMES = ("twisted", "zope")


class _Finder:
    """Stands last in ``sys.meta_path``, so that whatever else finds a package wins."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in _NAMES:
            return None
        from importlib.machinery import PathFinder

        if name in _NAMES:
            return PathFinder.find_spec(name, [_FOLDER])
        if name == "zope.interface":
            return PathFinder.find_spec(name, [os.path.join(_FOLDER, "zope")])
        if is_standin(top):
            raise missing(name)
        return None

    @staticmethod
    def invalidate_caches():
        pass


def missing(name):
    """The error that says what to install for the module `name`."""
    package = "twisted" if name.startswith("twisted") else ".".join(name.split(".")[:2])
    return ModuleNotFoundError(
        f"No module named {name!r}: this Python has no {package} package, and what stands in "
        f"for it has no such module; install it: pip install {package}",
        name=name,
    )


def refuse_attribute(package, name):
    """For ``__getattr__`` of a stand-in's package: raises what fits for a missing `name`."""
    if name.startswith("__"):
        raise AttributeError(name)
    folder = sys.modules[package].__path__[0]
    if os.path.exists(os.path.join(folder, name + ".py")) or os.path.isdir(
        os.path.join(folder, name)
    ):
        raise AttributeError(name)
    raise missing(f"{package}.{name}")


def is_standin(name):
    """Whether the package `name` was imported from the stand-ins."""
    module = sys.modules.get(name)
    path = getattr(module, "__path__", None)
    return path is not None and any(part.startswith(_FOLDER) for part in list(path))


def install():
    """Makes the stand-ins importable. Does nothing the second time."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)


def real_twisted():
    """Whether the real Twisted has been imported."""
    return "twisted" in sys.modules and not is_standin("twisted")
