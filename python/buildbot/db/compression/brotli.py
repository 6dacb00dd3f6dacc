"""Logs compressed with Brotli: the master's own, here by name only."""

from buildbot.db.compression.protocol import CompressorInterface


class BrotliCompressor(CompressorInterface):
    """Inside the master: brotli compressor."""
