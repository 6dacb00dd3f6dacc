"""Pages of the web server. The master serves; these are for code that names or extends them.

The classes need Twisted as their base and are made when somebody asks for them.
"""

from __future__ import annotations

import re

from buildbot._host.elsewhere import elsewhere
from buildbot.util import unicode2bytes  # noqa: F401 - configurations find it here

_CR_LF_RE = re.compile(rb"[\r\n]+.*")
_LAZY = ("Redirect", "RedirectResource", "Resource")


def protect_redirect_url(url):
    """The address up to its first line end: nothing may add headers to the reply."""
    return _CR_LF_RE.sub(b"", url)


_elsewhere = elsewhere(__name__, "defer log")


def __getattr__(name):
    if name not in _LAZY:
        return _elsewhere(name)
    from buildbot.www import _pages

    return getattr(_pages, name)
