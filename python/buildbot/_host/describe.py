"""Describes the objects of a configuration as plain data (docs/formats/config-host.md).

A class of this package is described by the arguments that its constructor was given, unless it
says otherwise with class attributes:

``_described``
    names of attributes that are described instead, always
``_described_if``
    attribute name → default: described when the attribute is something else
``_described_own``
    names of attributes that are described, too, when the object or a user's class sets them
``_described_hooks``
    beginnings of names: methods of a user's class that begin so count as overridden ones
``_described_class``
    the class that is named instead
``_described_over``
    names of methods of a class of this package that only Python code carries out
``_described_as_object``
    a renderable that the master renders by itself: it is described as an object
"""

from __future__ import annotations

from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    FunctionType,
    MethodType,
    ModuleType,
)

from buildbot._host.places import is_ours, place_of_function
from buildbot._host.record import Described

_INT_MAX = 2**53
_REPR_MAX = 200
_missing = object()


class Handles:
    """What can be called later, by number. The same object keeps its number."""

    def __init__(self):
        self.last = 0
        self._things = {}
        self._numbers = {}

    def __len__(self):
        return len(self._things)

    def number(self, thing):
        key = _key(thing)
        found = self._numbers.get(key)
        if found is None:
            self.last = found = self._numbers[key] = self.last + 1
            self._things[found] = thing
        return found

    def __getitem__(self, number):
        return self._things[number]

    def forget(self, numbers):
        """These are not called any more. Their numbers are not given out again."""
        for number in numbers:
            del self._numbers[_key(self._things.pop(number))]


def _key(thing):
    if type(thing) is MethodType:
        # A bound method is made anew each time it is looked up.
        return (id(thing.__self__), thing.__func__)
    return id(thing)


class LentHandles:
    """Handles for a while: those that are new are noted, so that they can be forgotten."""

    def __init__(self, handles):
        self._handles = handles
        self._new = []

    def number(self, thing):
        last = self._handles.last
        number = self._handles.number(thing)
        if number > last:
            self._new.append(number)
        return number

    def forget(self):
        new, self._new = self._new, []
        self._handles.forget(new)


class Describer:
    """Describes values; remembers files, objects and handles across calls."""

    def __init__(self):
        self.files = []
        self.objects = []
        self.unsupported = []
        self.handles = Handles()
        self.described = []  # the objects themselves, in the order of `objects`
        self._forgotten = 0
        self._file_numbers = {}
        self._object_numbers = {}
        self._classes = {}
        self._by_type = {
            str: _itself,
            bool: _itself,
            type(None): _itself,
            int: self._int,
            float: self._float,
            bytes: self._bytes,
            list: self._list,
            tuple: self._tuple,
            dict: self._dict,
            set: self._set,
            frozenset: self._set,
            FunctionType: self._function,
            MethodType: self._method,
            BuiltinFunctionType: self._callable,
            BuiltinMethodType: self._callable,
            ModuleType: self._opaque,
        }

    def count(self):
        """How many objects were described."""
        return self._forgotten + len(self.objects)

    def forget(self):
        """Drops the descriptions, but not which object has which number."""
        self._forgotten += len(self.objects)
        self.objects = []
        self.unsupported = []

    # Values.

    def value(self, value):
        describe = self._by_type.get(type(value))
        if describe is None:
            describe = self._chosen(type(value))
        return describe(value)

    def _chosen(self, kind):
        """How values of the class `kind` are described, found when the first one comes."""
        describe = self._choose(kind)
        self._by_type[kind] = describe
        return describe

    def _choose(self, kind):
        if issubclass(kind, Described):
            from buildbot._host.describe_renderables import by_class

            renderable = by_class(self, kind)
            return self._object if renderable is None else renderable
        if issubclass(kind, type):
            return self._class
        if hasattr(kind, "_describe_raw"):
            return lambda value: value._describe_raw(self)
        if hasattr(kind, "getRenderingFor"):
            return self._users_renderable
        if hasattr(kind, "_describe_as"):
            return self._other
        for base, describe in (
            (str, str.__str__),
            (int, lambda value: self._int(int(value))),
            (float, lambda value: self._float(float(value))),
            (bytes, self._bytes),
            (bytearray, self._bytes),
            (list, self._list),
            (tuple, self._tuple),
            (dict, self._dict),
            (set, self._set),
            (frozenset, self._set),
        ):
            if issubclass(kind, base):
                return describe
        return self._by_name.get(f"{kind.__module__}.{kind.__qualname__}") or (
            self._callable
            if any("__call__" in vars(base) for base in kind.__mro__)
            else self._opaque
        )

    @property
    def _by_name(self):
        return {
            "re.Pattern": self._pattern,
            "datetime.timedelta": self._timedelta,
            "datetime.datetime": self._datetime,
            "builtins.mappingproxy": self._dict,
            "pathlib.PosixPath": self._path,
            "pathlib._local.PosixPath": self._path,
        }

    def _int(self, value):
        if -_INT_MAX <= value <= _INT_MAX:
            return value
        return {"$": "int", "v": str(value)}

    def _float(self, value):
        if value - value == 0:
            return value
        return {"$": "float", "v": repr(value)}

    def _bytes(self, value):
        import binascii

        return {"$": "bytes", "v": binascii.b2a_base64(value, newline=False).decode("ascii")}

    def _list(self, value):
        describe = self.value
        return [describe(item) for item in value]

    def _tuple(self, value):
        return {"$": "tuple", "v": self._list(value)}

    def _dict(self, value):
        describe = self.value
        return {"$": "dict", "v": [[describe(k), describe(v)] for k, v in value.items()]}

    def _set(self, value):
        kind = "set" if isinstance(value, set) else "frozenset"
        return {"$": kind, "v": sorted(self._list(value), key=repr)}

    def _pattern(self, value):
        return {"$": "regex", "pattern": self.value(value.pattern), "flags": int(value.flags)}

    def _timedelta(self, value):
        return {"$": "timedelta", "s": value.total_seconds()}

    def _datetime(self, value):
        return {"$": "datetime", "epoch": value.timestamp(), "v": value.isoformat()}

    def _path(self, value):
        return {"$": "path", "v": str(value)}

    def _other(self, value):
        return self.value(value._describe_as())

    def _opaque(self, value):
        kind = type(value)
        return {
            "$": "opaque",
            "h": self.handles.number(value),
            "type": f"{kind.__module__}.{kind.__qualname__}",
            "repr": short_repr(value),
        }

    # What can be called.

    def _function(self, function):
        code = function.__code__
        if not is_ours(code.co_filename):
            return self._callable(function, code.co_argcount, code.co_flags)
        module = function.__module__
        if module is not None and (module + ".").startswith("buildbot."):
            if "<" not in function.__qualname__:
                return {"$": "ref", "name": f"{module}.{function.__qualname__}"}
            return self._callable(function, code.co_argcount, code.co_flags)
        # A user's function that one of our decorators wraps.
        return self._callable(function)

    def _method(self, method):
        code = getattr(method.__func__, "__code__", None)
        if code is None:
            return self._callable(method)
        return self._callable(method, code.co_argcount - 1, code.co_flags)

    def _class(self, cls):
        module = getattr(cls, "__module__", None)
        if module is not None and (module + ".").startswith("buildbot."):
            return {"$": "ref", "name": f"{module}.{cls.__qualname__}"}
        return self._callable(cls)

    def _callable(self, function, count=_missing, flags=0):
        if count is _missing:
            count = positional_parameters(function)
        elif flags & 0x04:
            count = None
        name = getattr(function, "__qualname__", None)
        if not isinstance(name, str):
            name = type(function).__qualname__
        place = place_of_function(function)
        if place is None and not isinstance(function, type):
            place = place_of_function(getattr(type(function), "__call__", None))
        return {
            "$": "fn",
            "h": self.handles.number(function),
            "name": name,
            "at": self.place(place),
            "params": count,
        }

    def _users_renderable(self, value):
        kind = type(value)
        return {
            "$": "renderable",
            "h": self.handles.number(value),
            "type": f"{kind.__module__}.{kind.__qualname__}",
            "repr": short_repr(value),
            "at": self.place(getattr(value, "_place", None)),
        }

    # Places.

    def place(self, place):
        if place is None:
            return None
        filename, line = place
        number = self._file_numbers.get(filename)
        if number is None:
            number = self._file_numbers[filename] = len(self.files)
            self.files.append(filename)
        return [number, line]

    # Objects.

    def _object(self, value):
        number = self._object_numbers.get(id(value))
        if number is None:
            number = self._object_numbers[id(value)] = self.count()
            self.objects.append(None)
            self.described.append(value)
            self.objects[number - self._forgotten] = self._describe_object(value)
        return {"$": "o", "n": number}

    def _describe_object(self, value):
        state = value.__dict__
        kind = type(value)
        known = self._classes.get(kind)
        if known is None:
            known = self._classes[kind] = _ClassFacts(kind)
        at = self.place(state.get("_place"))
        described = {"c": known.name, "at": at, "a": self._arguments(value, state, known)}
        extra = state.get("_described_extra")
        if known.over or (extra and "html" not in extra):
            described["h"] = self.handles.number(value)
        if known.over:
            described["over"] = known.over
        if extra:
            described.update(extra)
        if known.users is not None:
            described["u"] = known.users
            if known.attrs:
                described["attrs"] = {
                    name: self.value(changed) for name, changed in known.attrs.items()
                }
        if known.unsupported is not None:
            self.unsupported.append({"name": known.unsupported, "at": at})
        return described

    def _arguments(self, value, state, known):
        describe = self.value
        if known.always is None:
            found = {
                name: describe(list(part) if name[0] == "*" else part)
                for name, part in state.get("_given", {}).items()
            }
        else:
            found = {name: describe(getattr(value, name)) for name in known.always}
        for name, default in known.unless:
            part = getattr(value, name)
            if part is default or (
                type(part) is type(default)
                and type(part) in (list, dict, str, int, bool)
                and (part == default if type(part) in (str, int, bool) else not part)
            ):
                continue
            found[name] = describe(part)
        for name in known.own:
            if name in state or known.sets(name):
                found[name] = describe(getattr(value, name))
        return found


class _ClassFacts:
    """What is the same for all objects of one class."""

    __slots__ = (
        "name",
        "users",
        "over",
        "attrs",
        "always",
        "unless",
        "own",
        "unsupported",
        "_ours",
        "_users",
    )

    def __init__(self, kind):
        kind = getattr(kind, "_step_class", kind)
        users = []
        mixins = []
        ours = None
        for cls in kind.__mro__:
            if not ((cls.__module__ or "") + ".").startswith("buildbot."):
                if cls is not object:
                    users.append(cls)
            elif not issubclass(cls, Described):
                if ours is None:
                    mixins.append(cls)
            elif ours is None and not cls.__name__.startswith("_"):
                ours = cls
        self._ours = ours or (mixins[0] if mixins else Described)
        self._users = users
        name = getattr(kind, "_described_class", None)
        self.name = name or f"{self._ours.__module__}.{self._ours.__qualname__}"
        self.users = None
        self.over = list(getattr(kind, "_described_over", ()))
        self.attrs = {}
        if users:
            self.users = f"{users[0].__module__}.{users[0].__qualname__}"
            self._find_changes(mixins)
        self.always = getattr(kind, "_described", None)
        self.unless = tuple(getattr(kind, "_described_if", {}).items())
        self.own = getattr(kind, "_described_own", ())
        self.unsupported = getattr(kind, "_unsupported", None)

    def _find_changes(self, mixins):
        """What classes of the user change, and what mixins of ours change that they add."""
        over = set(self.over)
        hooks = getattr(self._ours, "_described_hooks", None)
        for cls in self._users:
            for name, value in _members(cls):
                before = getattr(self._ours, name, _missing)
                if before is _missing:
                    if hooks and name.startswith(hooks):
                        over.add(name)
                    continue
                if _is_method(value):
                    over.add(name)
                elif name not in self.attrs and name != "compare_attrs":
                    self.attrs[name] = value
        for cls in mixins:
            over.update(
                name
                for name, value in _members(cls)
                if _is_method(value) and hasattr(self._ours, name)
            )
        self.over = sorted(over)

    def sets(self, name):
        """Whether a user's class sets the attribute `name`."""
        return any(name in vars(cls) for cls in self._users)


def _members(cls):
    for name, value in vars(cls).items():
        if not (name.startswith("__") and name.endswith("__")):
            yield name, value


def _is_method(value):
    return callable(value) or isinstance(value, (property, classmethod, staticmethod))


def _itself(value):
    return value


def short_repr(value):
    """What ``repr`` says, shortened; never raises."""
    try:
        text = repr(value)
    except Exception as problem:
        text = f"<{type(value).__qualname__}, whose repr raises {type(problem).__name__}>"
    return text if len(text) <= _REPR_MAX else text[: _REPR_MAX - 1] + "…"


def positional_parameters(function):
    """How many positional parameters a callable has; None for any number, or if unknown."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    count = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return None
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            count += 1
    return count


def well_known(name):
    """The object of this package that a ``ref`` names."""
    import importlib

    module, _, rest = name.rpartition(".")
    parts = [rest]
    while module:
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, part = module.rpartition(".")
            parts.insert(0, part)
            continue
        for part in parts:
            found = getattr(found, part)
        return found
    raise KeyError(name)

