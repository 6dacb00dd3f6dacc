"""Properties from what a web service says about a change."""

from __future__ import annotations

from fnmatch import fnmatch


class PullRequestMixin:
    """Flattens a payload to properties `basename.a.b`; shell patterns choose among them."""

    external_property_whitelist = []
    external_property_denylist = []
    property_basename = None

    def extractProperties(self, payload):
        found = {}
        self._flatten(self.property_basename, payload, found)
        return found

    def _flatten(self, name, value, found):
        if name in self.external_property_denylist:
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                self._flatten(f"{name}.{key}", inner, found)
        elif any(fnmatch(name, pattern) for pattern in self.external_property_whitelist):
            found[name] = value
