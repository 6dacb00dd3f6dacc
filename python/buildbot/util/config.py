"""How parts of the configuration show themselves as plain data."""

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "IConfigured implementer")


class _DefaultConfigured:
    """Anything without a description of its own: itself."""

    def __init__(self, value):
        self.value = value

    def getConfigDict(self):
        return self.value


class _ListConfigured(_DefaultConfigured):
    def getConfigDict(self):
        return [configured(element) for element in self.value]


class _DictConfigured(_DefaultConfigured):
    def getConfigDict(self):
        return {key: configured(element) for key, element in self.value.items()}


class _SREPatternConfigured(_DefaultConfigured):
    def getConfigDict(self):
        return {"name": "re", "pattern": self.value.pattern}


def as_configured(value):
    """The value itself if it has `getConfigDict`, else something that describes its parts."""
    if hasattr(value, "getConfigDict"):
        return value
    if isinstance(value, (list, tuple)):
        return _ListConfigured(value)
    if isinstance(value, dict):
        return _DictConfigured(value)
    if hasattr(value, "pattern"):
        return _SREPatternConfigured(value)
    return _DefaultConfigured(value)


def configured(value):
    """The description of a value as plain data."""
    return as_configured(value).getConfigDict()


class ConfiguredMixin:
    """A part that shows its name only."""

    def getConfigDict(self):
        return {"name": self.name}


class _FilePasswordDBConfigured(_DefaultConfigured):
    def getConfigDict(self):
        return {"type": "file"}
