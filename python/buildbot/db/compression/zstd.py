"""Logs compressed with Zstandard: the master's own, here by name only."""

from buildbot.db.compression.protocol import CompressorInterface


class ZStdCompressor(CompressorInterface):
    """Inside the master: z std compressor."""
