"""Comparison of objects by a chosen list of their attributes."""

from __future__ import annotations

_missing = object()


class ComparableMixin:
    """Instances of one class are equal when all attributes in ``compare_attrs`` are.

    ``compare_attrs`` of base classes count too.
    """

    compare_attrs: tuple = ()

    def _compared(self):
        names = []
        for base in reversed(type(self).__mro__):
            for name in base.__dict__.get("compare_attrs", ()):
                if name not in names:
                    names.append(name)
        return [getattr(self, name, _missing) for name in names]

    def __eq__(self, other):
        return type(self) is type(other) and self._compared() == other._compared()

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        found = [type(self)]
        for value in self._compared():
            try:
                hash(value)
            except TypeError:
                value = str(value)
            found.append(value)
        return hash(tuple(found))

    def _order(self, other):
        if type(self) is not type(other):
            return None
        return self._compared(), other._compared()

    def __lt__(self, other):
        pair = self._order(other)
        return NotImplemented if pair is None else pair[0] < pair[1]

    def __le__(self, other):
        pair = self._order(other)
        return NotImplemented if pair is None else pair[0] <= pair[1]

    def __gt__(self, other):
        pair = self._order(other)
        return NotImplemented if pair is None else pair[0] > pair[1]

    def __ge__(self, other):
        pair = self._order(other)
        return NotImplemented if pair is None else pair[0] >= pair[1]

    def getConfigDict(self):
        wanted = {}
        for base in reversed(type(self).__mro__):
            for name in base.__dict__.get("compare_attrs", ()):
                if name not in ("passwd", "password") and hasattr(self, name):
                    wanted[name] = getattr(self, name)
        return wanted
