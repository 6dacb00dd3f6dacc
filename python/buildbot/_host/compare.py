"""Comparison of objects by a chosen list of their attributes."""

from __future__ import annotations


class ComparableMixin:
    """Equality and order by the attributes that `compare_attrs` of a class and its bases name."""

    compare_attrs: tuple = ()

    class _None:
        """Stands for an attribute that is not there."""

    @classmethod
    def _compared_names(cls):
        names = []
        for base in reversed(cls.__mro__):
            for name in base.__dict__.get("compare_attrs", ()):
                if name not in names:
                    names.append(name)
        return names

    def _compared(self):
        return [getattr(self, name, self._None) for name in self._compared_names()]

    def _cmp_common(self, them):
        """(False, None, None) if the two cannot be compared, else true and the values of both."""
        if type(self) is not type(them):
            return (False, None, None)
        return (True, self._compared(), them._compared())

    def __hash__(self):
        return hash((str(type(self)), *map(str, self._compared())))

    def __eq__(self, them):
        alike, ours, theirs = ComparableMixin._cmp_common(self, them)
        return alike and ours == theirs

    @staticmethod
    def isEquivalent(us, them):
        return ComparableMixin.__eq__(us, them)

    def __ne__(self, them):
        alike, ours, theirs = self._cmp_common(them)
        return not alike or ours != theirs

    def __lt__(self, them):
        alike, ours, theirs = self._cmp_common(them)
        return alike and ours < theirs

    def __le__(self, them):
        alike, ours, theirs = self._cmp_common(them)
        return alike and ours <= theirs

    def __gt__(self, them):
        alike, ours, theirs = self._cmp_common(them)
        return alike and ours > theirs

    def __ge__(self, them):
        alike, ours, theirs = self._cmp_common(them)
        return alike and ours >= theirs

    def getConfigDict(self):
        """The compared attributes that are set, passwords left out."""
        return {
            name: getattr(self, name)
            for name in self._compared_names()
            if name not in ("passwd", "password") and hasattr(self, name)
        }
