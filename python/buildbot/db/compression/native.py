"""Logs compressed by the standard library: the master's own, here by name only."""

from buildbot.db.compression.protocol import CompressorInterface


class GZipCompressor(CompressorInterface):
    """Inside the master: g zip compressor."""


class BZipCompressor(CompressorInterface):
    """Inside the master: b zip compressor."""
