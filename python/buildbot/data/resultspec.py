"""Which data are wanted, in which order and how many: the arguments of `master.data.get`."""

from __future__ import annotations

import operator

from buildbot._host.by_master import by_master


class NotSupportedFieldTypeError(TypeError):
    """Something without fields was to be filtered or sorted."""

    def __init__(self, data, *args):
        super().__init__(
            f"Unsupported data type '{type(data)}': must be an instance of Dict or a Dataclass.",
            *args,
        )


def _has_fields(data):
    return hasattr(type(data), "__dataclass_fields__")


def _data_getter(d, fld):
    """The field of a dictionary or of an object with fields."""
    if isinstance(d, dict):
        return d[fld]
    if not _has_fields(d):
        raise NotSupportedFieldTypeError(d)
    try:
        return getattr(d, fld)
    except AttributeError as problem:
        raise KeyError(fld) from problem


def _any_common(value, wanted):
    return not set(value).isdisjoint(wanted)


class FieldBase:
    """A field compared with one value or several."""

    __slots__ = ["field", "op", "values"]

    singular_operators = {
        "eq": operator.eq,
        "ne": operator.ne,
        "lt": operator.lt,
        "le": operator.le,
        "gt": operator.gt,
        "ge": operator.ge,
        "contains": operator.contains,
        "in": operator.eq,
        "notin": operator.ne,
    }
    plural_operators = {
        "eq": lambda value, wanted: value in wanted,
        "ne": lambda value, wanted: value not in wanted,
        "contains": _any_common,
        "in": lambda value, wanted: value in wanted,
        "notin": lambda value, wanted: value not in wanted,
    }

    def __init__(self, field, op, values):
        self.field = field
        self.op = op
        self.values = values

    def getOperator(self, sqlMode=False):
        single = len(self.values) == 1
        return (self.singular_operators if single else self.plural_operators)[self.op]

    def apply(self, data):
        """Yields what passes."""
        passes = self.getOperator()
        wanted = self.values[0] if len(self.values) == 1 else self.values
        return (one for one in data if passes(_data_getter(one, self.field), wanted))

    def __repr__(self):
        name = type(self).__name__
        return f"resultspec.{name}('{self.field}','{self.op}',{self.values})"

    def __eq__(self, b):
        return all(getattr(self, name) == getattr(b, name) for name in FieldBase.__slots__)

    def __ne__(self, b):
        return not self == b

    __hash__ = None


class Property(FieldBase):
    """A property of builds."""


class Filter(FieldBase):
    """A field that decides whether something is wanted: `Filter("complete", "eq", [True])`."""


class NoneComparator:
    """Sorts None before everything else."""

    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        if self.value is None:
            return other.value is not None
        return other.value is not None and self.value < other.value

    def __gt__(self, other):
        return other < self

    def __eq__(self, other):
        return self.value == other.value

    def __ne__(self, other):
        return self.value != other.value

    __hash__ = None


class ReverseComparator:
    """Sorts the other way round."""

    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return other.value < self.value

    def __gt__(self, other):
        return other.value > self.value

    def __eq__(self, other):
        return other.value == self.value

    def __ne__(self, other):
        return other.value != self.value

    __hash__ = None


class ResultSpec:
    """Filters, fields, order and part of a list of results."""

    __slots__ = ["fieldMapping", "fields", "filters", "limit", "offset", "order", "properties"]

    def __init__(
        self, filters=None, fields=None, properties=None, order=None, limit=None, offset=None
    ):
        self.filters = filters or []
        self.properties = properties or []
        self.fields = fields
        self.order = order
        self.limit = limit
        self.offset = offset
        self.fieldMapping = {}

    def __repr__(self):
        names = ("filters", "fields", "properties", "order", "limit", "offset")
        shown = ", ".join(f"{name!r}: {getattr(self, name)!r}" for name in names)
        return "ResultSpec(**{" + shown + "})"

    def __eq__(self, b):
        return all(getattr(self, name) == getattr(b, name) for name in ResultSpec.__slots__)

    def __ne__(self, b):
        return not self == b

    __hash__ = None

    # For code that has done a part of the work itself: what it took is removed

    def popProperties(self):
        values = []
        for one in self.properties:
            if one.field == b"property" and one.op == "eq":
                self.properties.remove(one)
                values = one.values
                break
        return values

    def popFilter(self, field, op):
        for one in self.filters:
            if one.field == field and one.op == op:
                self.filters.remove(one)
                return one.values
        return None

    def popOneFilter(self, field, op):
        values = self.popFilter(field, op)
        return None if values is None else values[0]

    def popBooleanFilter(self, field):
        equal = self.popOneFilter(field, "eq")
        if equal is not None:
            return equal
        different = self.popOneFilter(field, "ne")
        return None if different is None else not different

    def popStringFilter(self, field):
        return self.popOneFilter(field, "eq")

    def popIntegerFilter(self, field):
        value = self.popOneFilter(field, "eq")
        if value is None:
            return None
        try:
            return int(value)
        except ValueError as problem:
            raise ValueError(
                f"Filter value for {field} should be integer, but got: {value}"
            ) from problem

    def removePagination(self):
        self.limit = self.offset = None

    def removeOrder(self):
        self.order = None

    def popField(self, field):
        try:
            index = self.fields.index(field)
        except ValueError:
            return False
        del self.fields[index]
        return True

    # The database of the master is not reachable from here

    @by_master
    def findColumn(self, query, field): ...

    @by_master
    def applyFilterToSQLQuery(self, query, f): ...

    @by_master
    def applyOrderToSQLQuery(self, query, o): ...

    @by_master
    def applyToSQLQuery(self, query): ...

    @by_master
    def thd_execute(self, conn, q, dictFromRow): ...

    # Doing all of it

    def apply(self, data):
        """The wanted part of data: a `ListResult` of a list, fewer fields of a single thing."""
        from buildbot.data import base

        if data is None:
            return data
        total = getattr(data, "total", None)
        if self.fields:
            data = self._with_wanted_fields(data)
        if isinstance(data, dict) or _has_fields(data):
            return data
        if isinstance(data, base.ListResult):
            # a part of a list: whoever made it knows the rest and has to do the work
            if data.offset is not None or data.limit is not None:
                assert not self.fields and not self.order and not self.filters, (
                    "endpoint must apply fields, order, and filters if it performs pagination"
                )
                assert self.offset is None and self.limit is None, (
                    "endpoint must clear offset/limit"
                )
                return data
        for one in self.filters:
            data = one.apply(data)
        data = list(data)
        total = len(data) if total is None else total
        if self.order:
            data.sort(key=self._sort_key)
        first = self.offset or 0
        past = None if self.limit is None else first + self.limit
        return base.ListResult(data[first:past], self.offset, total, self.limit)

    def _with_wanted_fields(self, data):
        if _has_fields(data):
            raise TypeError("includeFields can't filter fields of dataclasses")
        if isinstance(data, dict):
            return self._wanted_of(data)
        if getattr(data, "offset", None) is not None or getattr(data, "limit", None) is not None:
            raise AssertionError(
                "endpoint must apply fields, order, and filters if it performs pagination"
            )
        return [self._wanted_of(one) for one in data]

    def _wanted_of(self, one):
        if _has_fields(one):
            raise TypeError("includeFields can't filter fields of dataclasses")
        return {name: one[name] for name in self.fields if name in one}

    def _sort_key(self, one):
        key = []
        for name in self.order:
            value = NoneComparator(_data_getter(one, name.lstrip("-")))
            key.append(ReverseComparator(value) if name.startswith("-") else value)
        return key


class OptimisedResultSpec(ResultSpec):
    """Of a query that the database has done completely."""

    __slots__ = []

    def apply(self, data):
        return data
