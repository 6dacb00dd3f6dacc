"""Properties, and values that are computed from them when a build needs them.

The classes here check themselves when they are made. Most of the time the master evaluates them
from their description; what is evaluated in this process (by custom steps, renderers and
services) goes through `_rendering`, a generator that waits only for Deferreds of user code.
"""

from __future__ import annotations

import operator
from collections import defaultdict

from buildbot._host import interpolation
from buildbot._host.compare import ComparableMixin
from buildbot._host.declare import provides
from buildbot._host.deferreds import deferred, is_pending, settle
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described
from buildbot.config import error

__getattr__ = elsewhere(__name__, "IProperties IRenderable config defer flatten implementer util")


def _text(value):
    return value if isinstance(value, str) else str(value, "utf-8")


def _is_renderable(value):
    """Whether a property may hold `value` although it is not JSON."""
    if isinstance(value, _Renderable):
        return True
    if not hasattr(value, "getRenderingFor"):
        return False
    from buildbot import interfaces

    return interfaces.IRenderable.providedBy(value)


# ------------------------------------------------------------------------------- rendering


def _rendering(value, props):
    """Generator that returns the rendering of `value`."""
    if isinstance(value, _Renderable) and type(value).getRenderingFor in _OURS:
        return (yield from value._rendering(props))
    if hasattr(value, "getRenderingFor"):
        result = value.getRenderingFor(props)
        return (yield result) if is_pending(result) else result
    if isinstance(value, (list, tuple)):
        rendered = yield from _renderings(value, props)
        return rendered if isinstance(value, list) else tuple(rendered)
    if isinstance(value, dict):
        pairs = yield from _renderings([part for item in value.items() for part in item], props)
        return dict(zip(pairs[::2], pairs[1::2]))
    if is_pending(value):
        return (yield value)
    return value


def _renderings(values, props):
    """Generator that returns the renderings of `values`, all begun before any is awaited."""
    begun = [settle(_rendering(value, props)) for value in values]
    for index, result in enumerate(begun):
        if is_pending(result):
            begun[index] = yield result
    return begun


class _Renderable(Described):
    """Base of the renderables of this package. ``_rendering`` is what they evaluate to."""

    def getRenderingFor(self, props):
        return deferred(self._rendering(props))

    def _rendering(self, props):
        raise NotImplementedError
        yield


_OURS = {_Renderable.getRenderingFor}


def _evaluates(cls):
    """Class decorator: the class's own ``getRenderingFor`` does no more than `_Renderable`'s."""
    _OURS.add(cls.getRenderingFor)
    return cls


# ------------------------------------------------------------------------------ properties


@provides("IProperties")
class Properties(ComparableMixin):
    """Names with values and the source of each, in the order in which they were set."""

    compare_attrs = ("properties",)

    def __init__(self, **kwargs):
        self.properties = {}
        self.runtime = set()
        self.build = None
        self._used_secrets = {}
        self._master = None
        self._sourcestamps = None
        self._changes = None
        for name, value in kwargs.items():
            self.setProperty(name, value, "TEST")

    @classmethod
    def fromDict(cls, propDict):
        made = cls()
        for name, (value, source) in propDict.items():
            made.setProperty(name, value, source)
        return made

    @property
    def master(self):
        return self._master if self.build is None else self.build.master

    @master.setter
    def master(self, value):
        self._master = value

    @property
    def sourcestamps(self):
        if self.build is not None:
            return [stamp.asDict() for stamp in self.build.getAllSourceStamps()]
        if self._sourcestamps is None:
            raise AttributeError("neither build nor _sourcestamps are set")
        return self._sourcestamps

    @sourcestamps.setter
    def sourcestamps(self, value):
        self._sourcestamps = value

    def getSourceStamp(self, codebase=""):
        for stamp in self.sourcestamps:
            if stamp["codebase"] == codebase:
                return stamp
        return None

    @property
    def changes(self):
        if self.build is not None:
            return [change.asChDict() for change in self.build.allChanges()]
        if self._changes is None:
            raise AttributeError("neither build nor _changes are set")
        return self._changes

    @changes.setter
    def changes(self, value):
        self._changes = value

    @property
    def files(self):
        if self.build is not None:
            return self.build.allFiles()
        return [name for change in self.changes for name in change["files"]]

    def __contains__(self, name):
        return name in self.properties

    def __getitem__(self, name):
        return self.properties[name][0]

    def __bool__(self):
        return bool(self.properties)

    def __repr__(self):
        values = {name: value for name, (value, _source) in self.properties.items()}
        return f"Properties(**{values!r})"

    def getProperty(self, name, default=None):
        found = self.properties.get(name)
        return default if found is None else found[0]

    def getPropertySource(self, name):
        return self.properties[name][1]

    def hasProperty(self, name):
        return name in self.properties

    has_key = hasProperty

    def setProperty(self, name, value, source, runtime=False):
        name = _text(name)
        if not _is_renderable(value):
            import json

            json.dumps(value)
        self.properties[name] = (value, _text(source))
        if runtime:
            self.runtime.add(name)

    def update(self, dict, source, runtime=False):
        for name, value in dict.items():
            self.setProperty(name, value, source, runtime)

    def updateFromProperties(self, other):
        self.properties.update(other.properties)
        self.runtime.update(other.runtime)

    def updateFromPropertiesNoRuntime(self, other):
        for name, found in other.properties.items():
            if name not in other.runtime:
                self.properties[name] = found

    def asDict(self):
        return dict(self.properties)

    def asList(self):
        return sorted((name, value, source) for name, (value, source) in self.properties.items())

    def getProperties(self):
        return self

    def getBuild(self):
        return self.build

    def render(self, value):
        return deferred(_rendering(value, self))

    def useSecret(self, secret_value, secret_name):
        if secret_value.strip():
            self._used_secrets[secret_value] = f"<{secret_name}>"

    def cleanupTextFromSecrets(self, text):
        for secret in sorted(self._used_secrets, key=len, reverse=True):
            text = text.replace(secret, self._used_secrets[secret])
        return text


class PropertiesMixin:
    """Gives an object with ``getProperties()`` the methods of its properties."""

    set_runtime_properties = False

    def getProperty(self, propname, default=None):
        return self.getProperties().getProperty(propname, default)

    def hasProperty(self, propname):
        return self.getProperties().hasProperty(propname)

    has_key = hasProperty

    def setProperty(self, propname, value, source="Unknown", runtime=None):
        if runtime is None:
            runtime = self.set_runtime_properties
        self.getProperties().setProperty(propname, value, source, runtime=runtime)

    def render(self, value):
        return self.getProperties().render(value)


# ------------------------------------------------------------------------------- operators

_OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "in": lambda item, container: item in container,
}


def _operator(sign):
    compute = _OPERATORS[sign]

    def method(self, other):
        return _OperatorRenderer(self, other, sign, compute)

    return method


class RenderableOperatorsMixin:
    """Operators on renderables give renderables."""

    __hash__ = None
    __eq__ = _operator("==")
    __ne__ = _operator("!=")
    __lt__ = _operator("<")
    __le__ = _operator("<=")
    __gt__ = _operator(">")
    __ge__ = _operator(">=")
    __add__ = _operator("+")
    __sub__ = _operator("-")
    __mul__ = _operator("*")
    __truediv__ = _operator("/")
    __floordiv__ = _operator("//")
    __mod__ = _operator("%")

    def in_(self, other):
        return _OperatorRenderer(self, other, "in", _OPERATORS["in"])

    def getRenderingFor(self, iprops):
        return deferred(self._rendering(iprops))


_OURS.add(RenderableOperatorsMixin.getRenderingFor)


@provides("IRenderable")
class _OperatorRenderer(RenderableOperatorsMixin, _Renderable):
    """The result of an operator on two values of which one at least is renderable."""

    def __init__(self, v1, v2, cstr, comparator):
        self.v1 = v1
        self.v2 = v2
        self.cstr = cstr
        self.comparator = comparator

    def __repr__(self):
        return f"{self.v1!r} {self.cstr!s} {self.v2!r}"

    def _rendering(self, props):
        left, right = yield from _renderings((self.v1, self.v2), props)
        return self.comparator(left, right)


# ----------------------------------------------------------------------------- renderables


@provides("IRenderable")
class Property(RenderableOperatorsMixin, _Renderable):
    """The value of a property, with a default."""

    compare_attrs = ("key", "default", "defaultWhenFalse")

    def __init__(self, key, default=None, defaultWhenFalse=True):
        self.key = key
        self.default = default
        self.defaultWhenFalse = defaultWhenFalse

    def __repr__(self):
        return f"Property({self.key})"

    def _rendering(self, props):
        if props.hasProperty(self.key):
            value = yield from _rendering(props.getProperty(self.key), props)
            if value or not self.defaultWhenFalse:
                return value
        return (yield from _rendering(self.default, props))


@provides("IRenderable")
class FlattenList(RenderableOperatorsMixin, _Renderable):
    """A list of lists (of lists …) as one list."""

    compare_attrs = ("nestedlist",)

    def __init__(self, nestedlist, types=(list, tuple)):
        self.nestedlist = nestedlist
        self.types = types

    def __add__(self, other):
        if isinstance(other, FlattenList):
            other = other.nestedlist
        return FlattenList(self.nestedlist + other, self.types)

    def _rendering(self, props):
        nested = yield from _rendering(self.nestedlist, props)
        if not isinstance(nested, self.types):
            # 4.3.0 leaves it alone then, whatever is in it.
            return nested
        flat = []
        self._collect(nested, flat)
        return flat

    def _collect(self, nested, flat):
        for value in nested:
            if isinstance(value, self.types):
                self._collect(value, flat)
            else:
                flat.append(value)


class _SecretRenderer(_Renderable):
    def __init__(self, secret_name):
        self.secret_name = secret_name

    def _rendering(self, props):
        return (yield from _secret(self.secret_name, props))


@provides("IRenderable")
class Secret(_SecretRenderer):
    """The value of a secret."""

    def __repr__(self):
        return f"Secret({self.secret_name})"


def _secret(name, props):
    """Generator that returns a secret's value and marks it to be hidden in logs."""
    properties = props.getProperties()
    service = properties.master.namedServices.get("secrets")
    if not service:
        raise KeyError(
            "secrets service not started, need to configure SecretManager in c['services'] "
            "to use 'secrets'in Interpolate"
        )
    details = yield service.get(name)
    if details is None:
        raise KeyError(f"secret key {name} is not found in any provider")
    properties.useSecret(details.value, name)
    return details.value


@provides("IRenderable")
class Transform(_Renderable):
    """The result of a function, called with rendered arguments."""

    def __init__(self, function, *args, **kwargs):
        if not callable(function) and not isinstance(function, _Renderable):
            if not hasattr(function, "getRenderingFor"):
                error("function given to Transform neither callable nor renderable")
        self._function = function
        self._args = args
        self._kwargs = kwargs

    def _rendering(self, props):
        function, args, kwargs = yield from _renderings(
            (self._function, self._args, self._kwargs), props
        )
        result = function(*args, **kwargs)
        return (yield result) if is_pending(result) else result


class _Renderer(ComparableMixin, _Renderable):
    """What the decorator `renderer` makes of a function."""

    compare_attrs = ("fn",)

    def __init__(self, fn):
        self.fn = fn
        self.args = []
        self.kwargs = {}

    def withArgs(self, *args, **kwargs):
        more = _Renderer(self.fn)
        more.args = [*self.args, *args]
        more.kwargs = {**self.kwargs, **kwargs}
        return more

    def __repr__(self):
        if self.args or self.kwargs:
            return f"renderer({self.fn!r}, args={self.args!r}, kwargs={self.kwargs!r})"
        return f"renderer({self.fn!r})"

    def _rendering(self, props):
        args, kwargs = yield from _renderings((self.args, self.kwargs), props)
        result = self.fn(props, *args, **kwargs)
        if is_pending(result):
            result = yield result
        return (yield from _rendering(result, props))


provides("IRenderable")(_Renderer)


def renderer(fn):
    """Decorator: makes a renderable of a function of the properties."""
    return _Renderer(fn)


# ---------------------------------------------------------------------------- interpolation


@provides("IRenderable")
class Interpolate(RenderableOperatorsMixin, _Renderable):
    """A text with values put in: by position, or by selectors such as ``%(prop:branch)s``."""

    compare_attrs = ("fmtstring", "args", "kwargs")

    identifier_re = interpolation.identifier_re

    def __init__(self, fmtstring, *args, **kwargs):
        self.fmtstring = fmtstring
        self.args = args
        self.kwargs = kwargs
        if args and kwargs:
            error("Interpolate takes either positional or keyword substitutions, not both.")
        if not args:
            self.interpolations = {}
            keys = defaultdict(str)
            fmtstring % keys
            for key in keys:
                part = interpolation.parse(key, self._nested)
                if part is not None:
                    self.interpolations[key] = part

    def _nested(self, text):
        return Interpolate(text, **self.kwargs)

    def __repr__(self):
        if self.args:
            return f"Interpolate({self.fmtstring!r}, *{self.args!r})"
        if self.kwargs:
            return f"Interpolate({self.fmtstring!r}, **{self.kwargs!r})"
        return f"Interpolate({self.fmtstring!r})"

    def _rendering(self, props):
        if self.args:
            return self.fmtstring % tuple((yield from _renderings(self.args, props)))
        values = {}
        for key, part in self.interpolations.items():
            values[key] = yield from self._part(part, props)
        return self.fmtstring % values

    def _part(self, part, props):
        there, value = yield from self._looked_up(part, props)
        if there and part.mode in ("-", "~", "#?"):
            value = yield from _rendering(value, props)
            there = part.mode == "-" or bool(value)
        if there and part.present is not None:
            value = yield from _rendering(part.present, props)
        elif not there:
            value = yield from _rendering(part.absent, props)
        return "" if value is None else value

    def _looked_up(self, part, props):
        """Generator that returns (whether it is there, value not rendered yet)."""
        name = part.name
        if part.kind == "prop":
            properties = props.getProperties()
            if properties.hasProperty(name):
                return True, properties.getProperty(name)
            return False, None
        if part.kind == "secret":
            # Every secret counts as there; whether it is known is seen by who needs its value.
            if part.mode in ("+", "?"):
                return True, None
            return True, (yield from _secret(name, props))
        if part.kind == "kw":
            known = self.kwargs
        elif part.kind == "src":
            known = props.getProperties().getSourceStamp(part.codebase) or {}
        else:
            known = props.getBuild().getWorkerInfo()
        if name in known:
            return True, known[name]
        return False, None


@provides("IRenderable")
@_evaluates
class WithProperties(ComparableMixin, _Renderable):
    """The older form of `Interpolate`."""

    compare_attrs = ("fmtstring", "args", "lambda_subs")

    def __init__(self, fmtstring, *args, **lambda_subs):
        self.fmtstring = fmtstring
        self.args = args
        if not args:
            self.lambda_subs = lambda_subs
            for name, function in lambda_subs.items():
                if not callable(function):
                    raise ValueError(
                        f'Value for lambda substitution "{name}" must be callable.'
                    )
        elif lambda_subs:
            raise ValueError(
                "WithProperties takes either positional or keyword substitutions, not both."
            )

    def getRenderingFor(self, build):
        return settle(self._rendering(build))

    def _rendering(self, props):
        properties = props.getProperties()
        if self.args:
            names = interpolation.OldStyleNames(properties, {})
            return self.fmtstring % tuple(names[key] for key in self.args)
        computed = {}
        for name, function in self.lambda_subs.items():
            computed[name] = function(props)
        return self.fmtstring % interpolation.OldStyleNames(properties, computed)
        yield
