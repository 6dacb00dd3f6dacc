"""Namespaces of named components, of this package and of other installed distributions.

Names of this package stand in a table, so that nothing has to be searched for them. Entry points
of other distributions (group ``buildbot.<namespace>``) are looked up when a name is not in the
table; those of a Buildbot that is installed as well do not count.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module

from buildbot.errors import PluginDBError
from buildbot.plugins._names import NAMES

_namespaces: dict = {}

# What a component of another distribution has to be, by namespace.
_BASES = {
    "changes": ("buildbot.changes.base", "ChangeSource"),
    "schedulers": ("buildbot.schedulers.base", "ReconfigurableBaseScheduler"),
    "steps": ("buildbot.process.buildstep", "BuildStep"),
    "worker": ("buildbot.worker.base", "AbstractWorker"),
}


class _Entry:
    """A component that is imported when it is first used."""

    __slots__ = ("group", "name", "module", "attribute", "distribution")

    def __init__(self, group, name, module, attribute, distribution):
        self.group = group
        self.name = name
        self.module = module
        self.attribute = attribute
        self.distribution = distribution

    def load(self):
        try:
            value = import_module(self.module)
            for part in self.attribute.split(".") if self.attribute else ():
                value = getattr(value, part)
        except (ImportError, AttributeError) as problem:
            import traceback

            traceback.print_exc()
            raise PluginDBError(
                f"Unable to load {self.group}:{self.name}: {problem}"
            ) from problem
        return value


def _own_entries(namespace):
    group = "buildbot." + namespace
    entries = {}
    for module, names in NAMES.get(namespace, {}).items():
        for text in names.split():
            name, _, attribute = text.partition("=")
            entries[name] = _Entry(group, name, module, attribute or name, None)
    return entries


class _Branch:
    """The part of a namespace under a dotted prefix, ``util.svn`` for example."""

    def __init__(self, namespace, prefix):
        self.__dict__["_namespace"] = namespace
        self.__dict__["_prefix"] = prefix

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._namespace._find(self._prefix + name):
            raise PluginDBError(f"Unknown component name: {name}")
        value = self._namespace._value(self._prefix + name)
        self.__dict__[name] = value
        return value


class _Plugins:
    """One namespace."""

    def __init__(self, namespace, interface=None):
        self._group = "buildbot." + namespace
        self._interface = interface
        self._short = namespace
        self._entries = _own_entries(namespace)
        self._complete = False

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"Unknown component name: {name}")
        found = self._find(name)
        if found is None:
            raise AttributeError(f"Unknown component name: {name}")
        try:
            value = self._value(name) if found is True else _Branch(self, name + ".")
        except PluginDBError as error:
            raise AttributeError(str(error)) from error
        self.__dict__[name] = value
        return value

    def __contains__(self, name):
        return self._find(name) is True

    @property
    def names(self):
        self._search_others()
        return sorted(self._entries)

    def get(self, name):
        if self._find(name) is not True:
            raise PluginDBError(f"Unknown component name: {name.rpartition('.')[2]}")
        return self._value(name)

    def info(self, name):
        """The distribution that brings `name`: its name and version."""
        if self._find(name) is not True:
            raise PluginDBError(f"Unknown component name: {name}")
        return _distribution_info(self._entries[name])

    def info_all(self):
        self._search_others()
        return {name: _distribution_info(self._entries[name]) for name in self.names}

    def load(self):
        for name in self.names:
            self._value(name)

    def _find(self, name):
        """True for a component, "branch" for a prefix of some, None for neither."""
        for _ in range(2):
            if name in self._entries:
                return True
            prefix = name + "."
            if any(known.startswith(prefix) for known in self._entries):
                return "branch"
            if self._complete:
                return None
            self._search_others()
        return None

    def _search_others(self):
        if self._complete:
            return
        self._complete = True
        ours = set(self._entries)
        for entry in _others().get(self._group, ()):
            # What is found first counts, as in the reference; but ours are always there.
            if entry.name in ours:
                warnings.warn(
                    f"{self._group}:{entry.name} stays Buildbot's own, not {_described(entry)}",
                    stacklevel=4,
                )
            self._entries.setdefault(entry.name, entry)

    def _value(self, name):
        entry = self._entries[name]
        value = entry.load()
        if self._interface is not None and entry.distribution is not None:
            self._check(entry, value)
        return value

    def _check(self, entry, value):
        module, base = _BASES.get(self._short, (None, None))
        if module and isinstance(value, type) and issubclass(
            value, getattr(import_module(module), base)
        ):
            return
        from buildbot import interfaces

        interface = getattr(interfaces, self._interface, None)
        try:
            implemented = interface is None or interface.implementedBy(value)
        except TypeError:
            implemented = False
        if not implemented:
            raise PluginDBError(
                f"Plugin {entry.group}:{entry.name} does not implement {self._interface}: "
                f"The object {value!r} has failed to implement interface "
                f"buildbot.interfaces.{self._interface}: "
                "Does not declaratively implement the interface."
            )


def _described(entry):
    name, version = _distribution_info(entry)
    return f"{entry.module}:{entry.attribute} of {name} {version}"


def _distribution_info(entry):
    if entry.distribution is None:
        import buildbot

        return ("buildbot", buildbot.version)
    name, _, version = entry.distribution.rpartition("-")
    return (name, version)


# -------------------------------------------------------------------- other distributions

_found = None


def _others():
    """Entry points of other distributions in groups ``buildbot.*``: group → list of `_Entry`."""
    global _found
    if _found is None:
        _found = {}
        seen = set()
        for folder in sys.path:
            for distribution, text in _entry_point_files(folder or "."):
                name = distribution.rpartition("-")[0].lower().replace("_", "-")
                if name in seen or name == "buildbot":
                    continue
                seen.add(name)
                _parse_entry_points(text, distribution)
    return _found


def _entry_point_files(folder):
    """Name-version and text of each ``entry_points.txt`` in `folder` that speaks of buildbot."""
    import os

    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        stem, kind = os.path.splitext(name)
        if kind not in (".dist-info", ".egg-info"):
            continue
        path = os.path.join(folder, name, "entry_points.txt")
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue
        if "buildbot" in text:
            yield (stem if "-" in stem else stem + "-0", text)


def _parse_entry_points(text, distribution):
    group = None
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif "=" in line and not line.startswith(("#", ";")) and group is not None:
            if not group.startswith("buildbot."):
                continue
            name, _, target = line.partition("=")
            target = target.partition("[")[0].strip()
            module, _, attribute = target.partition(":")
            entry = _Entry(group, name.strip(), module.strip(), attribute.strip(), distribution)
            _found.setdefault(group, []).append(entry)


# ------------------------------------------------------------------------------ functions


def get_plugins(namespace, interface=None, load_now=False):
    """The namespace of this name; the same object at each call."""
    plugins = _namespaces.get(namespace)
    if plugins is None:
        if interface is not None and not isinstance(interface, str):
            interface = interface.__name__
        plugins = _namespaces[namespace] = _Plugins(namespace, interface)
    if load_now:
        plugins.load()
    return plugins


def namespaces():
    """Names of the namespaces that were asked for."""
    return list(_namespaces)


def info():
    """For each namespace, its components with their distributions."""
    return {name: plugins.info_all() for name, plugins in _namespaces.items()}


def find_distribution_info(entry_point_name, entry_point_group):
    """Name and version of the distribution that has this entry point."""
    if entry_point_group.startswith("buildbot."):
        plugins = get_plugins(entry_point_group[len("buildbot.") :])
        if plugins._find(entry_point_name) is True:
            return plugins.info(entry_point_name)
    raise PluginDBError("entry point not found")
