"""Compression of pages: the master's own, here by name only."""

from buildbot._host.elsewhere import elsewhere
from buildbot._host.internal import Internal

__getattr__ = elsewhere(__name__, "implementer")


class BrotliEncoderFactory(Internal):
    """Compresses with Brotli."""


class ZstandardEncoderFactory(Internal):
    """Compresses with Zstandard."""
