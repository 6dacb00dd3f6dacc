"""Small things: decoding, hashes, descriptions."""

import re

from twisted.internet import defer  # noqa: F401 - before anything of Buildbot

from buildbot import pbutil
from buildbot.interfaces import IConfigured
from buildbot.pbutil import decode
from buildbot.util.config import (
    ConfiguredMixin,
)
from buildbot.util.sautils import hash_columns as h

print(decode({b"a": [b"b", (b"c", {b"d": 1}), None, "x"]}), decode(b"\xff", errors="replace"))


print(pbutil.NewCredPerspective.__name__, pbutil.ReconnectingPBClientFactory.__mro__[1:3])
f = pbutil.ReconnectingPBClientFactory()
for m in ("getPerspective", "login"):
    try:
        getattr(f, m)()
    except Exception as e:
        print(repr(e))

print(h("a", None, 1, b"x", True))


class X(ConfiguredMixin):
    name = "n"


print(X().getConfigDict())
for v in ([X(), 1], {"a": X(), "b": [X()]}, re.compile("x"), 5, "x", None):
    print(IConfigured(v).getConfigDict())
