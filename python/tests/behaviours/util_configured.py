"""Small things: decoding, hashes, descriptions."""

from buildbot.pbutil import decode

print(decode({b"a": [b"b", (b"c", {b"d": 1}), None, "x"]}), decode(b"\xff", errors="replace"))
from twisted.internet import defer  # noqa: F401 - before anything of Buildbot

from buildbot import pbutil

print(pbutil.NewCredPerspective.__name__, pbutil.ReconnectingPBClientFactory.__mro__[1:3])
f = pbutil.ReconnectingPBClientFactory()
for m in ("getPerspective", "login"):
    try:
        getattr(f, m)()
    except Exception as e:
        print(repr(e))
from buildbot.util.sautils import hash_columns as h

print(h("a", None, 1, b"x", True))
import re

from buildbot.interfaces import IConfigured
from buildbot.util.config import (
    ConfiguredMixin,
)


class X(ConfiguredMixin):
    name = "n"


print(X().getConfigDict())
for v in ([X(), 1], {"a": X(), "b": [X()]}, re.compile("x"), 5, "x", None):
    print(IConfigured(v).getConfigDict())
