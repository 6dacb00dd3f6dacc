"""Finds what belongs to a path by patterns like `("builders", "n:builderid")`."""

from __future__ import annotations

import re

_ident_re = re.compile("^[a-zA-Z_-][.a-zA-Z0-9_-]*$")


def ident(x):
    """The text if it is an identifier; else a TypeError."""
    if _ident_re.match(x):
        return x
    raise TypeError


class Matcher:
    """A dictionary from patterns; looking a path up gives the value and what the path names."""

    path_elt_re = re.compile("^(.?):([a-z0-9_.]+)$")
    type_fns = {"n": int, "i": ident, "s": str}

    def __init__(self):
        self._patterns = {}

    def __setitem__(self, path, value):
        assert path not in self._patterns, f"duplicate path {path}"
        self._patterns[path] = value

    def __repr__(self):
        return f"<Matcher {self._patterns!r}>"

    def __getitem__(self, path):
        if not isinstance(path, tuple):
            path = tuple(path)
        for pattern, value in self._patterns.items():
            if len(pattern) == len(path):
                named = self._match(pattern, path)
                if named is not None:
                    return value, named
        raise KeyError(f"No match for {path!r}")

    def _match(self, pattern, path):
        """What a path names, None if it does not match the pattern."""
        named = {}
        for wanted, part in zip(pattern, path):
            found = self.path_elt_re.match(wanted)
            if found is None:
                if wanted != part:
                    return None
                continue
            kind, name = found.groups()
            if kind:
                assert kind in self.type_fns, f"no such type flag {kind}"
                try:
                    part = self.type_fns[kind](part)
                except Exception:
                    return None
            named[name] = part
        return named

    def iterPatterns(self):
        return list(self._patterns.items())
