"""Executes a configuration file and describes what came out."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from time import monotonic

from buildbot._host.describe import Describer
from buildbot._host.places import raised_place, running_place, users_traceback
from buildbot.config.errors import ConfigErrors, UnknownNames, capture_config_errors


class Loaded:
    """A configuration that was executed: its description, and what is behind it.

    ``settings`` is ``BuildmasterConfig`` or None, ``builders`` maps names to `BuilderConfig`s.
    """

    def __init__(self):
        self.settings = None
        self.builders = {}
        self.describer = Describer()
        self.description = None
        self._named = {}

    def named(self, key):
        """The services under a key of the settings, by name."""
        found = self._named.get(key)
        if found is None:
            services = (self.settings or {}).get(key) or ()
            found = {getattr(service, "name", None): service for service in services}
            self._named[key] = found
        return found

    def forget_description(self):
        """Drops what was described once it has been told; numbers stay valid."""
        self.description = None
        self.describer.forget()


class Fatal(Exception):
    """Ends the execution of a configuration; holds what is described as ``fatal``."""

    def __init__(self, kind, message, error=None, place=None, wrong_name=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.error = error
        self.place = place
        self.wrong_name = wrong_name

    def described(self, describer):
        place = self.place
        traceback = None
        wrong_name = self.wrong_name
        if self.error is not None:
            from buildbot._host.hints import wrong_name as find_wrong_name

            raised = raised_place(self.error)
            # Without a place of the user's the stack says nothing that the message does not.
            traceback = users_traceback(self.error) if raised else None
            place = place or raised
            wrong_name = find_wrong_name(self.error)
        return {
            "kind": self.kind,
            "message": self.message,
            "traceback": traceback,
            "at": describer.place(place),
            "wrong_name": wrong_name,
        }


def load(basedir, file, front=False):
    """Executes `file` (relative to `basedir`). Problems are in the description, not raised.

    With `front` the directory comes first in ``sys.path`` and stays there, as in a running
    master; otherwise it is appended while the file is executed.
    """
    loaded = Loaded()
    describer = loaded.describer
    fatal = None
    errors = ConfigErrors()
    heard = []
    keys = None
    collecting = gc.isenabled()
    gc.disable()
    began = monotonic()
    try:
        with _heard_warnings(heard), capture_config_errors() as errors:
            try:
                settings = execute(basedir, file, front)
                keys = _prepare(settings)
                loaded.settings = settings
            except Fatal as problem:
                fatal = problem
            except ConfigErrors as problem:
                errors.merge(problem)
                fatal = Fatal("config_errors", str(problem), problem)
        executed = monotonic()
        described = _described_settings(loaded, errors)
    finally:
        if collecting:
            gc.freeze()
            gc.enable()
    description = {
        "version": 1,
        "files": describer.files,
        "python": {
            "version": sys.version.split()[0],
            "twisted": _has_real_twisted(),
            "rss_kb": rss_kb(),
        },
        "config": described,
        "objects": describer.objects,
        "errors": [
            _described_error(message, describer.place(place))
            for message, place in zip(errors.errors, errors.places)
        ],
        "warnings": [
            {"category": category, "message": message, "at": describer.place(place)}
            for category, message, place in heard
        ],
        "unsupported": describer.unsupported,
        "handles": len(describer.handles),
        "fatal": None if fatal is None else fatal.described(describer),
        "took_ms": {
            "execute": round((executed - began) * 1000, 1),
            "describe": round((monotonic() - executed) * 1000, 1),
        },
    }
    if keys is not None:
        description["keys"] = keys
    if isinstance(loaded.settings, dict) and loaded.settings.get("www"):
        from buildbot._host import front_end

        description["front_end"] = {
            "twisted": front_end.twisted_version(),
            "parts": front_end.parts(),
        }
    loaded.description = description
    return loaded


def _described_error(message, place):
    described = {"message": message, "at": place}
    if isinstance(message, UnknownNames):
        described["wrong_names"] = {"names": message.names, "known": message.known}
    return described


def _has_real_twisted():
    from buildbot._host.standin import real_twisted

    return real_twisted()


def rss_kb():
    """Resident memory of this process."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used // 1024 if sys.platform == "darwin" else used


class _heard_warnings:
    """Notes the warnings that Python would print, with the place of the user's code."""

    def __init__(self, heard):
        self.heard = heard

    def __enter__(self):
        self.before = warnings.showwarning
        warnings.showwarning = self.hear

    def __exit__(self, *exc):
        if warnings.showwarning == self.hear:
            warnings.showwarning = self.before

    def hear(self, message, category, filename, lineno, file=None, line=None):
        place = running_place(2) or (filename, lineno)
        self.heard.append((category.__name__, str(message), place))


def execute(basedir, file, front=False):
    """Executes the file as 4.3.0 does. Returns its settings."""
    if not os.path.isdir(basedir):
        raise Fatal("missing", f"basedir '{basedir}' does not exist")
    path = os.path.join(basedir, file)
    if not os.path.exists(path):
        raise Fatal("missing", f"configuration file '{path}' does not exist")
    try:
        with open(path, "rb") as opened:
            source = opened.read()
    except OSError as problem:
        raise Fatal(
            "unreadable", f"unable to open configuration file {path!r}: {problem}"
        ) from problem
    basedir = os.path.expanduser(basedir)
    namespace = {"basedir": basedir, "__file__": os.path.abspath(path)}
    if front and (not sys.path or sys.path[0] != basedir):
        sys.path.insert(0, basedir)
    paths_before = sys.path[:]
    sys.path.append(basedir)
    try:
        exec(compile(source, path, "exec", dont_inherit=True), namespace)
    except ConfigErrors:
        raise
    except SyntaxError as problem:
        raise Fatal(
            "syntax",
            f"encountered a SyntaxError while parsing config file:\n{users_traceback(problem)} ",
            problem,
        ) from problem
    except Exception as problem:
        raise Fatal(
            "exception",
            f"error while parsing config file: {problem} (traceback in logfile)",
            problem,
        ) from problem
    except SystemExit as problem:
        raise Fatal(
            "exit",
            f"the configuration file ended Python: sys.exit({problem.code!r})",
            problem,
        ) from problem
    finally:
        sys.path[:] = paths_before
    if "BuildmasterConfig" not in namespace:
        names = [name for name in namespace if not name.startswith("__")]
        raise Fatal(
            "no_config",
            f"Configuration file {path!r} does not define 'BuildmasterConfig'",
            wrong_name={"name": "BuildmasterConfig", "known": names},
        )
    settings = namespace["BuildmasterConfig"]
    if not isinstance(settings, dict):
        if hasattr(settings, "keys") and hasattr(settings, "__getitem__"):
            return {key: settings[key] for key in settings.keys()}
        raise Fatal(
            "not_a_dict",
            "'BuildmasterConfig' must be a dictionary, "
            f"but it is of type {type(settings).__qualname__}",
            place=(path, 1),
        )
    return settings


def _prepare(settings):
    """Does what 4.3.0 does in Python between execution and validation.

    Returns the keys as the file left them if configurators then changed the settings.
    """
    from buildbot.config import master

    keys = None
    try:
        if settings.get("configurators"):
            keys = [key for key in settings if isinstance(key, str)]
            master.run_configurators(settings)
        master.expand_builders(settings)
    except ConfigErrors:
        raise
    except Exception as problem:
        raise Fatal(
            "exception", f"{type(problem).__name__}: {problem}", problem
        ) from problem
    return keys


def _described_settings(loaded, errors):
    settings = loaded.settings
    if settings is None:
        return {}
    described = {}
    for key, value in settings.items():
        if not isinstance(key, str):
            errors.errors.append(f"Unknown BuildmasterConfig key {key}")
            errors.places.append(None)
            continue
        try:
            described[key] = loaded.describer.value(value)
        except Exception as problem:
            why = f"{type(problem).__name__}: {problem}"
            if isinstance(problem, RecursionError):
                why = "it is nested too deep, or holds itself"
            errors.errors.append(f"c['{key}'] cannot be described: {why}")
            errors.places.append(raised_place(problem))
    builders = settings.get("builders")
    if isinstance(builders, (list, tuple)):
        for builder in builders:
            name = getattr(builder, "name", None)
            if isinstance(name, str):
                loaded.builders[name] = builder
    return described
