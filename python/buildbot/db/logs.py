"""Logs in the database: the master's own, here by name only."""

from __future__ import annotations

import dataclasses

from buildbot.db.base import DBConnectorComponent, Row
from buildbot.db.compression.protocol import CompressorInterface


class LogSlugExistsError(KeyError):
    """Raised by the database."""


class LogCompressionFormatUnavailableError(LookupError):
    """Raised by the database."""


@dataclasses.dataclass
class LogModel(Row):
    """One row: a log."""

    id: int
    name: str
    slug: str
    stepid: int
    complete: bool
    num_lines: int
    type: str


class RawCompressor(CompressorInterface):
    """Inside the master: raw compressor."""


class LogsConnectorComponent(DBConnectorComponent):
    """Reads and writes logs."""
