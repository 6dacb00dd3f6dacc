"""Compression of pages: the master's own, here by name only."""

from buildbot._host.internal import Internal


class BrotliEncoderFactory(Internal):
    """Compresses with Brotli."""


class ZstandardEncoderFactory(Internal):
    """Compresses with Zstandard."""
