"""Values that go between the master and this process with questions and answers."""

from __future__ import annotations

from buildbot._host.describe import Describer, well_known


class Values:
    """Decodes what the master sends and describes what it is answered.

    `loaded` is the configuration that was described before; its objects and handles are known by
    number to both sides.
    """

    def __init__(self):
        self.loaded = None

    @property
    def handles(self):
        return self.loaded.describer.handles

    # From the master.

    def decoded(self, value):
        kind = type(value)
        if kind is list:
            return [self.decoded(item) for item in value]
        if kind is not dict:
            return value
        decode = self._DECODED.get(value.get("$"))
        if decode is not None:
            return decode(self, value)
        from buildbot._host.facades import facade

        return facade(self, value)

    def _int(self, value):
        return int(value["v"])

    def _float(self, value):
        return float(value["v"])

    def _bytes(self, value):
        import binascii

        return binascii.a2b_base64(value["v"])

    def _tuple(self, value):
        return tuple(self.decoded(item) for item in value["v"])

    def _set(self, value):
        return set(self._tuple(value))

    def _frozenset(self, value):
        return frozenset(self._tuple(value))

    def _dict(self, value):
        return {self.decoded(key): self.decoded(item) for key, item in value["v"]}

    def _object(self, value):
        return self.loaded.describer.described[value["n"]]

    def _handle(self, value):
        return self.handles[value["h"]]

    def _ref(self, value):
        return well_known(value["name"])

    def _datetime(self, value):
        import datetime

        return datetime.datetime.fromtimestamp(value["epoch"], datetime.timezone.utc)

    def _timedelta(self, value):
        import datetime

        return datetime.timedelta(seconds=value["s"])

    _DECODED = {
        "int": _int,
        "float": _float,
        "bytes": _bytes,
        "tuple": _tuple,
        "set": _set,
        "frozenset": _frozenset,
        "dict": _dict,
        "o": _object,
        "fn": _handle,
        "opaque": _handle,
        "renderable": _handle,
        "renderer": _handle,
        "ref": _ref,
        "datetime": _datetime,
        "timedelta": _timedelta,
    }

    def rendering(self, item):
        """A value to be rendered: described renderables are made anew."""
        from buildbot._host.rebuild import rebuilt

        return rebuilt(self, item)

    # To the master.

    def described(self, value):
        """(description of `value`, new objects that it refers to: list of [number, object])."""
        describer = _AnswerDescriber(self.loaded.describer if self.loaded else None)
        described = describer.value(value)
        return described, describer.new_objects()


class _AnswerDescriber(Describer):
    """Describes one answer: what the configuration's description has is referred to by number.

    What is new is numbered from there on, for this answer only. Files that the description does not name are not named
    here either: nobody could look them up.
    """

    def __init__(self, known):
        super().__init__()
        self._known = known
        self._first = 0
        if known is not None:
            self._first = known.count()
            self.handles = known.handles

    def place(self, place):
        if place is None or self._known is None:
            return None
        filename, line = place
        number = self._known._file_numbers.get(filename)
        return None if number is None else [number, line]

    def _object(self, value):
        if self._known is not None:
            number = self._known._object_numbers.get(id(value))
            if number is not None:
                return {"$": "o", "n": number}
        return {"$": "o", "n": super()._object(value)["n"] + self._first}

    def new_objects(self):
        return [[self._first + index, made] for index, made in enumerate(self.objects)]
