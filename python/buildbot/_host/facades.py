"""Values of the master that stand for live objects: builders, workers, requests, builds …

User code in calls gets objects with the attributes and methods of Buildbot's, made of what the
master sent (docs/formats/config-host.md). What was not sent is asked for when it is used; methods
that give a Deferred ask the master, the others work on what was sent. The classes are in
`live_master.py` and `live_build.py`.
"""

from __future__ import annotations

from buildbot._host import master_link
from buildbot.process.properties import Properties


def facade(values, value):
    """The object for a value of the master that is none of the plain kinds."""
    kind = value.get("$")
    if kind is None:
        return {name: values.decoded(part) for name, part in value.items()}
    cls = _classes().get(kind)
    if cls is not None:
        return cls(values, value)
    if kind == "properties":
        return properties_of(values, value)
    if kind == "session":
        from buildbot._host.session import session_of

        return session_of(values, value["key"])
    if kind == "running_build":
        from buildbot._host import running_build

        return _Forgetting(running_build, value["key"])
    if kind == "consumer":
        from buildbot._host.live_mq import consumer

        return consumer(value["key"])
    if kind == "latent":
        from buildbot._host.latent_worker import latent_worker_of

        return latent_worker_of(values, value)
    if kind == "match":
        import re

        # Patterns that are compiled carry the flag of texts, which texts have anyway.
        pattern = re.compile(values.decoded(value["pattern"]), value.get("flags", 0))
        return pattern.match(value["text"])
    from buildbot._host.questions import Refused

    raise Refused(f"values of kind {kind!r} are not known here")


class _Forgetting:
    """A build that the master speaks of because it has ended."""

    def __init__(self, module, key):
        self._module = module
        self._key = key

    def ended(self):
        self._module.forget(self._key)


_by_kind: dict = {}


def _classes():
    if not _by_kind:
        from buildbot._host import live_build, live_master

        for cls in (*live_master.CLASSES, *live_build.CLASSES):
            _by_kind[cls._kind] = cls
    return _by_kind


class Facade:
    """Base of all: ``_kind`` is the tag of its values, ``_key`` what the master knows it by."""

    _kind = ""
    # Names of attributes that may be asked for; others do not exist.
    _attributes: tuple = ()
    # Names of methods that the master carries out; each gives a Deferred.
    _asking: tuple = ()
    # Names of attributes that `_computed` makes of what was sent, when they are first used.
    _computing: tuple = ()
    # Attributes whose absence means a constant.
    _defaults: dict = {}

    def __init__(self, values, value):
        self._values = values
        self._key = value.get("key")
        self._sent = value

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        sent = self.__dict__["_sent"]
        if name in self._computing:
            value = self._computed(name)
        elif name in sent:
            value = self._made(name, sent[name])
        elif name in self._defaults:
            value = self._defaults[name]
            if callable(value):
                value = value()
        elif name in self._asking:
            return self._asks(name)
        elif name in self._attributes:
            value = self._asked(name)
        else:
            raise AttributeError(f"{self._title()!r} object has no attribute {name!r}")
        self.__dict__[name] = value
        return value

    def _asked(self, name):
        """An attribute, as it is now."""
        return master_link.now(
            {"ask": "attribute", "of": self._describe_raw(None), "name": name},
            f"{self._title()}.{name}",
        )

    def _made(self, name, value):
        return self._values.decoded(value)

    def _asks(self, name):
        def method(*args, **kwargs):
            return self._carried_out(name, args, kwargs)

        method.__name__ = name
        return method

    def _carried_out(self, name, args, kwargs):
        """A Deferred of what the master answers to a call of this object's method."""
        described = self._values.described
        return master_link.later(
            {
                "ask": "method",
                "on": self._describe_raw(None),
                "name": name,
                "args": [described(arg)[0] for arg in args],
                "kwargs": {key: described(arg)[0] for key, arg in kwargs.items()},
            },
            f"{self._title()}.{name}()",
        )

    def _told(self, name, *args):
        """As `_carried_out`, for methods that return nothing. It is done when this returns."""
        described = self._values.described
        master_link.now(
            {
                "ask": "method",
                "on": self._describe_raw(None),
                "name": name,
                "args": [described(arg)[0] for arg in args],
            },
            f"{self._title()}.{name}()",
        )

    def _describe_raw(self, _describer):
        return {"$": self._kind, "key": self._key}

    @classmethod
    def _title(cls):
        return cls.__name__

    def __eq__(self, other):
        if not isinstance(other, Facade):
            return NotImplemented
        return self._kind == other._kind and self._key == other._key

    def __hash__(self):
        return hash((self._kind, str(self._key)))


class BuildProperties(Properties):
    """Those of a build: what is set is set there, before the call returns."""

    def setProperty(self, name, value, source, runtime=False):
        super().setProperty(name, value, source, runtime)
        if self.build is not None and master_link.is_connected():
            self.build._told("setProperty", name, value, source)


def properties_of(values, value, build=None):
    """The `Properties` for a value ``{"$": "properties", "v": [[name, value, source, …]], …}``."""
    decoded = values.decoded
    if build is None and value.get("build") is not None:
        build = decoded(value["build"])
    made = Properties() if build is None else BuildProperties()
    for name, part, source, *runtime in value.get("v") or ():
        made.properties[name] = (decoded(part), source)
        if runtime and runtime[0]:
            made.runtime.add(name)
    if value.get("sourcestamps") is not None:
        made.sourcestamps = [_plain(decoded, stamp) for stamp in value["sourcestamps"]]
    if value.get("changes") is not None:
        made.changes = [_plain(decoded, change) for change in value["changes"]]
    if build is not None:
        build.__dict__["_properties"] = made
        made.build = build
    from buildbot._host.live_master import Master

    made.master = Master(values, value.get("master") or {"$": "master", "key": None})
    return made


def _plain(decoded, value):
    """A dictionary of the data API: an object without ``$``, or a value."""
    if isinstance(value, dict) and "$" not in value:
        return {name: decoded(part) for name, part in value.items()}
    return decoded(value)
