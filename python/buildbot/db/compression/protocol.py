"""What a way of compressing logs offers: the master's own, here by name only."""

from buildbot._host.internal import Internal


class CompressObjInterface(Internal):
    """Inside the master: compress obj interface."""


class CompressorInterface(Internal):
    """Inside the master: compressor interface."""
