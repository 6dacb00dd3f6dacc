"""Logs in the database: the master's own, here by name only."""

from buildbot._host.internal import Internal
from buildbot.db.base import DBConnectorComponent
from buildbot.db.compression.protocol import CompressorInterface


class LogSlugExistsError(KeyError):
    """Raised by the database."""


class LogCompressionFormatUnavailableError(LookupError):
    """Raised by the database."""


class LogModel(Internal):
    """One row: a log."""


class RawCompressor(CompressorInterface):
    """Inside the master: raw compressor."""


class LogsConnectorComponent(DBConnectorComponent):
    """Reads and writes logs."""
