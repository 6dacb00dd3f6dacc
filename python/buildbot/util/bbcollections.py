"""Collections."""

from __future__ import annotations


class KeyedSets:
    """A set for each key; empty ones are not kept."""

    def __init__(self):
        self.d = {}

    def add(self, key, value):
        self.d.setdefault(key, set()).add(value)

    def discard(self, key, value):
        if key in self.d:
            self.d[key].discard(value)
            if not self.d[key]:
                del self.d[key]

    def __contains__(self, key):
        return key in self.d

    def __getitem__(self, key):
        return self.d.get(key, set())

    def pop(self, key):
        return self.d.pop(key, set())
