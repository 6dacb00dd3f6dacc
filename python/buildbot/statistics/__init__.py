"""Numbers about builds, sent to a time series database."""

from buildbot.statistics.capture import (
    CaptureBuildDuration,
    CaptureBuildDurationAllBuilders,
    CaptureBuildEndTime,
    CaptureBuildEndTimeAllBuilders,
    CaptureBuildStartTime,
    CaptureBuildStartTimeAllBuilders,
    CaptureData,
    CaptureDataAllBuilders,
    CaptureProperty,
    CapturePropertyAllBuilders,
)
from buildbot.statistics.stats_service import StatsService
from buildbot.statistics.storage_backends.influxdb_client import InfluxStorageService

__all__ = [
    "CaptureBuildDuration",
    "CaptureBuildDurationAllBuilders",
    "CaptureBuildEndTime",
    "CaptureBuildEndTimeAllBuilders",
    "CaptureBuildStartTime",
    "CaptureBuildStartTimeAllBuilders",
    "CaptureData",
    "CaptureDataAllBuilders",
    "CaptureProperty",
    "CapturePropertyAllBuilders",
    "InfluxStorageService",
    "StatsService",
]
