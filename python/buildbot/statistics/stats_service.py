"""The service that collects statistics."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.statistics.storage_backends.base import StatsStorageBase
from buildbot.util import service

__getattr__ = elsewhere(__name__, "defer log")


class StatsService(service.BuildbotService):
    """Hands what the captures of its storages find to these storages."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.consumers = []

    @recorded
    def checkConfig(self, storage_backends):
        for storage in storage_backends:
            if not isinstance(storage, StatsStorageBase):
                raise TypeError(
                    f"Invalid type of stats storage service {type(StatsStorageBase)!r}. "
                    f"Should be of type StatsStorageBase, is: {type(StatsStorageBase)!r}"
                )

    @by_master
    def reconfigService(self, storage_backends): ...

    @by_master
    def registerConsumers(self): ...

    @by_master
    def stopService(self): ...

    @by_master
    def removeConsumers(self): ...

    @by_master
    def yieldMetricsValue(self, data_name, post_data, buildid): ...
