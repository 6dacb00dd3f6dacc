"""Interfaces and the record of what provides them."""

from zope.interface.exceptions import Invalid

_IMPLEMENTED = "__standin_implements__"
_PROVIDED = "__standin_provides__"
_adapters = []
adapter_hooks = []
_missing = object()


class Attribute:
    """An attribute that an interface asks for."""

    is_method = False

    def __init__(self, __name__, __doc__=""):
        if " " in __name__ and not __doc__:
            __name__, __doc__ = "", __name__
        self.__name__ = __name__
        self.__doc__ = __doc__
        self.interface = None

    def getName(self):
        return self.__name__

    def getDoc(self):
        return self.__doc__


class Method(Attribute):
    """A method that an interface asks for."""

    is_method = True


class InterfaceClass:
    """An interface. Written as a class statement whose bases are interfaces."""

    def __init__(self, name, bases=(), attrs=None, __doc__=None, __module__=None):
        attrs = dict(attrs or {})
        self.__name__ = name
        self.__module__ = attrs.pop("__module__", __module__)
        self.__doc__ = attrs.pop("__doc__", __doc__) or ""
        self.__bases__ = tuple(bases)
        self.__identifier__ = f"{self.__module__}.{name}"
        self._attrs = {}
        for key, value in attrs.items():
            if key.startswith("__") and key.endswith("__") and not callable(value):
                continue
            if key in ("__qualname__", "__annotations__", "__firstlineno__"):
                continue
            if callable(value) and not isinstance(value, Attribute):
                made = Method(key, value.__doc__ or "")
            elif isinstance(value, Attribute):
                made = value
                made.__name__ = made.__name__ or key
            else:
                continue
            made.interface = self
            self._attrs[key] = made

    def __mro_entries__(self, bases):
        return (_InterfaceBase,)

    @property
    def __iro__(self):
        order = [self]
        for base in self.__bases__:
            for one in base.__iro__:
                if one in order:
                    order.remove(one)
                order.append(one)
        return tuple(order)

    def getName(self):
        return self.__name__

    def getBases(self):
        return self.__bases__

    def isOrExtends(self, other):
        return other in self.__iro__

    def extends(self, other, strict=True):
        return other in self.__iro__ and (not strict or other is not self)

    def providedBy(self, ob):
        return any(one.isOrExtends(self) for one in providedBy(ob))

    def implementedBy(self, cls):
        return any(one.isOrExtends(self) for one in implementedBy(cls))

    def names(self, all=False):
        return [name for name, _ in self.namesAndDescriptions(all)]

    def namesAndDescriptions(self, all=False):
        found = {}
        for one in reversed(self.__iro__) if all else (self,):
            found.update(one._attrs)
        return list(found.items())

    def __getitem__(self, name):
        for one in self.__iro__:
            if name in one._attrs:
                return one._attrs[name]
        raise KeyError(name)

    getDescriptionFor = __getitem__

    def get(self, name, default=None):
        try:
            return self[name]
        except KeyError:
            return default

    queryDescriptionFor = get

    def __contains__(self, name):
        return self.get(name) is not None

    def __iter__(self):
        return iter(self.names(all=True))

    def __call__(self, obj, alternate=_missing):
        """Adapts `obj`: itself when it provides this interface."""
        conform = getattr(obj, "__conform__", None)
        if conform is not None:
            adapted = conform(self)
            if adapted is not None:
                return adapted
        if self.providedBy(obj):
            return obj
        for hook in adapter_hooks:
            adapted = hook(self, obj)
            if adapted is not None:
                return adapted
        if alternate is not _missing:
            return alternate
        raise TypeError("Could not adapt", obj, self)

    def setTaggedValue(self, tag, value):
        self.__dict__.setdefault("_tags", {})[tag] = value

    def getTaggedValue(self, tag):
        return self.__dict__.get("_tags", {})[tag]

    def queryTaggedValue(self, tag, default=None):
        return self.__dict__.get("_tags", {}).get(tag, default)

    def validateInvariants(self, obj, errors=None):
        pass

    def __repr__(self):
        return f"<InterfaceClass {self.__identifier__}>"

    def __reduce__(self):
        return self.__name__


class _Meta(type):
    def __new__(meta, name, bases, attrs):
        if name == "_InterfaceBase":
            return super().__new__(meta, name, bases, attrs)
        interfaces = attrs.pop("__orig_bases__", ())
        return InterfaceClass(name, interfaces, attrs)


class _InterfaceBase(metaclass=_Meta):
    pass


Interface = InterfaceClass("Interface", (), {"__module__": "zope.interface"})


def _flat(interfaces):
    for one in interfaces:
        if isinstance(one, (tuple, list, _Declaration)):
            yield from _flat(one)
        else:
            yield one


class _Declaration(tuple):
    """What is provided, as a sequence of interfaces."""

    def flattened(self):
        seen = []
        for one in self:
            for other in one.__iro__:
                if other not in seen:
                    seen.append(other)
        return iter(seen)

    def isOrExtends(self, interface):
        return any(one.isOrExtends(interface) for one in self)

    def extends(self, interface, strict=True):
        return self.isOrExtends(interface)


def implementedBy(cls):
    found = []
    for base in getattr(cls, "__mro__", (cls,)):
        declared = getattr(base, "__dict__", {}).get(_IMPLEMENTED, ((), False))
        for one in declared[0]:
            if one not in found:
                found.append(one)
        if declared[1]:
            break
    return _Declaration(found)


def providedBy(ob):
    direct = getattr(ob, "__dict__", {}).get(_PROVIDED, ())
    return _Declaration((*direct, *implementedBy(type(ob))))


def classImplements(cls, *interfaces):
    before, only = cls.__dict__.get(_IMPLEMENTED, ((), False))
    setattr(cls, _IMPLEMENTED, ((*before, *_flat(interfaces)), only))


def classImplementsOnly(cls, *interfaces):
    setattr(cls, _IMPLEMENTED, (tuple(_flat(interfaces)), True))


def implementer(*interfaces):
    def declare(ob):
        if isinstance(ob, type):
            classImplements(ob, *interfaces)
        else:
            ob.__implemented__ = _Declaration(_flat(interfaces))
        return ob

    return declare


def implementer_only(*interfaces):
    def declare(ob):
        classImplementsOnly(ob, *interfaces)
        return ob

    return declare


def directlyProvides(object, *interfaces):
    setattr(object, _PROVIDED, tuple(_flat(interfaces)))


def alsoProvides(object, *interfaces):
    before = getattr(object, "__dict__", {}).get(_PROVIDED, ())
    directlyProvides(object, *before, *interfaces)


def noLongerProvides(object, interface):
    before = getattr(object, "__dict__", {}).get(_PROVIDED, ())
    directlyProvides(object, *(one for one in before if not one.isOrExtends(interface)))


def provider(*interfaces):
    def declare(ob):
        directlyProvides(ob, *interfaces)
        return ob

    return declare


def moduleProvides(*interfaces):
    pass


def invariant(call):
    return Attribute("")


def taggedValue(key, value):
    pass


def _register_adapter(factory, original, interface):
    _adapters.append((factory, original, interface))


def _registered(interface, ob):
    for factory, original, wanted in _adapters:
        if not wanted.isOrExtends(interface):
            continue
        if isinstance(original, InterfaceClass):
            fits = original.providedBy(ob)
        else:
            fits = isinstance(ob, original)
        if fits:
            return factory(ob)
    return None


adapter_hooks.append(_registered)

__all__ = ["Invalid"]
