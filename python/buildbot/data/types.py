"""Types of the fields that the REST API shows, for resource types of users."""

from __future__ import annotations

import re


class Type:
    """A type: whether values are of it, and how texts become values."""

    name = None
    doc = None
    graphQLType = "unknown"

    def valueFromString(self, arg):
        return arg

    def cmp(self, val, arg):
        """-1, 0 or 1: a value compared with a text."""
        other = self.valueFromString(arg)
        return (val > other) - (val < other)

    def validate(self, name, object):
        """Yields what is wrong with a value."""
        raise NotImplementedError

    def getSpec(self):
        return {"name": self.name} if self.doc is None else {"name": self.name, "doc": self.doc}


class NoneOk(Type):
    """Another type, or nothing."""

    def __init__(self, nestedType):
        assert isinstance(nestedType, Type)
        self.nestedType = nestedType
        self.name = (self.nestedType.name or "") + " or None"

    def valueFromString(self, arg):
        return self.nestedType.valueFromString(arg)

    def cmp(self, val, arg):
        return self.nestedType.cmp(val, arg)

    def validate(self, name, object):
        if object is not None:
            yield from self.nestedType.validate(name, object)


class Instance(Type):
    """Objects of some classes."""

    types = ()
    ramlType = "unknown"

    def validate(self, name, object):
        if not isinstance(object, self.types):
            yield f"{name} ({object!r}) is not a {self.name or f'instance of {self.types!r}'}"


class Integer(Instance):
    name = "integer"
    types = (int,)
    ramlType = "integer"
    graphQLType = "Int"

    def valueFromString(self, arg):
        return int(arg)


class DateTime(Instance):
    name = "datetime"
    ramlType = "date"
    graphQLType = "Date"

    @property
    def types(self):
        import datetime

        return (datetime.datetime,)

    def valueFromString(self, arg):
        from buildbot.util import epoch2datetime

        return epoch2datetime(int(arg))


class String(Instance):
    name = "string"
    types = (str,)
    ramlType = "string"
    graphQLType = "String"

    def valueFromString(self, arg):
        return arg.decode("utf-8") if isinstance(arg, bytes) else arg


class Binary(Instance):
    name = "binary"
    types = (bytes,)
    ramlType = "string"
    graphQLType = "Binary"


class Boolean(Instance):
    name = "boolean"
    types = (bool,)
    ramlType = "boolean"
    graphQLType = "Boolean"

    def valueFromString(self, arg):
        from buildbot.util import string2boolean, unicode2bytes

        return string2boolean(unicode2bytes(arg))


class Identifier(Type):
    """A short name."""

    name = "identifier"
    identRe = re.compile("^[a-zA-Z_-][a-zA-Z0-9._-]*$")
    ramlType = "string"
    graphQLType = "String"

    def __init__(self, len=None, **kwargs):
        self.len = len

    def validate(self, name, object):
        if not isinstance(object, str):
            yield f"{name} - {object!r} - is not a string"
        elif not self.identRe.match(object):
            yield f"{name} - {object!r} - is not an identifier"
        elif not object:
            yield f"{name} - identifiers cannot be an empty string"
        elif self.len is not None and len(object) > self.len:
            yield f"{name} - {object!r} - is longer than {self.len} characters"


class List(Type):
    """Lists of another type."""

    name = "list"
    ramlType = "list"

    def __init__(self, of=None, **kwargs):
        self.of = of

    def validate(self, name, object):
        if not isinstance(object, list):
            yield f"{name} ({object!r}) is not a list"
            return
        for index, element in enumerate(object):
            yield from self.of.validate(f"{name}[{index}]", element)

    def valueFromString(self, arg):
        return self.of.valueFromString(arg)


class SourcedProperties(Type):
    """Properties with their sources."""

    name = "sourcedproperties"


class JsonObject(Type):
    """A dictionary."""

    name = "jsonobject"
    ramlname = "object"
    graphQLType = "JSON"

    def validate(self, name, object):
        if not isinstance(object, dict):
            yield f"{name} ({object!r}) is not a dictionary (got type {type(object)})"


class Entity(Type):
    """A thing with fields; a subclass names them as class attributes."""

    name = None
    fields = {}
    fieldNames = set()

    def __init__(self, name):
        fields = {}
        for base in reversed(type(self).__mro__):
            fields.update({k: v for k, v in vars(base).items() if isinstance(v, Type)})
        self.fields = fields
        self.fieldNames = set(fields)
        self.name = name

    def validate(self, name, object):
        if not isinstance(object, dict):
            yield f"{name} ({object!r}) is not a dictionary (got type {type(object)})"
            return
        given = set(object)
        if given - self.fieldNames:
            extra = ", ".join(repr(field) for field in given - self.fieldNames)
            yield f"{name} has unexpected keys {extra}"
        if self.fieldNames - given:
            missing = ", ".join(repr(field) for field in self.fieldNames - given)
            yield f"{name} is missing keys {missing}"
        for field in given & self.fieldNames:
            yield from self.fields[field].validate(f"{name}[{field!r}]", object[field])


class PropertyEntityType(Entity):
    name = String()
    source = String()
    value = JsonObject()


def capitalize(word):
    """`some_name` as `SomeName`."""
    return "".join(part.capitalize() for part in word.split("_"))


def ramlMaybeNoneOrList(k, v):
    """How a field of a type is written in RAML."""
    if isinstance(v, NoneOk):
        return f"{k}?"
    return f"{k}[]" if isinstance(v, List) else k
