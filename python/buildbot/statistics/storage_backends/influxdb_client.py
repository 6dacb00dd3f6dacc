"""Statistics sent to InfluxDB."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.statistics.storage_backends.base import StatsStorageBase

__getattr__ = elsewhere(__name__, "log")


class InfluxStorageService(StatsStorageBase):
    """Sends what its captures find to a database of InfluxDB."""

    _described_own = ()

    @recorded
    def __init__(self, url, port, user, password, db, captures, name="InfluxStorageService"):
        import importlib.util

        if importlib.util.find_spec("influxdb") is None:
            config.error("Python client for InfluxDB not installed.")
            return
        self.url = url
        self.port = port
        self.name = name
        self.user = user
        self.password = password
        self.db = db
        self.captures = captures
        self.inited = True

    @by_master
    def thd_postStatsValue(self, post_data, series_name, context=None): ...
