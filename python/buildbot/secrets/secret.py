"""A secret with the provider that knew it."""


class SecretDetails:
    """The value of a secret, its name, and where it came from."""

    def __init__(self, source, key, value):
        self._source = source
        self._key = key
        self._value = value

    @property
    def source(self):
        return self._source

    @property
    def value(self):
        return self._value

    @property
    def key(self):
        return self._key

    def _all(self):
        return (self._source, self._key, self._value)

    def __str__(self):
        return f"{self._source} {self._key}: {self._value!r}"

    def __eq__(self, other):
        return isinstance(other, SecretDetails) and self._all() == other._all()

    __hash__ = None
