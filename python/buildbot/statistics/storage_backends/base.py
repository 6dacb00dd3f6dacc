"""The base of what takes statistics."""

from __future__ import annotations

import abc

from buildbot._host.record import Described


class StatsStorageBase(Described):
    """Takes statistics: override `thd_postStatsValue`, which is called in a thread."""

    # what to take: captures, which users' classes set
    _described_own = ("captures",)

    @abc.abstractmethod
    def thd_postStatsValue(self, post_data, series_name, context=None):
        pass
