"""Logs compressed with LZ4: the master's own, here by name only."""

from buildbot.db.compression.protocol import CompressorInterface


class LZ4Compressor(CompressorInterface):
    """Inside the master: lz4 compressor."""
