"""What statistics are made of: properties, times of builds, and data that steps give."""

from __future__ import annotations

import abc

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded

__getattr__ = elsewhere(__name__, "CaptureCallbackError defer threads")

_FINISHED = ("builders", None, "builds", None, "finished")
_GIVEN = ("stats-yieldMetricsValue", "stats-yield-data")
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}


class Capture(Described):
    """Takes events and makes statistics of them: override `consume`."""

    @recorded
    def __init__(self, routingKey, callback):
        self.routingKey = routingKey
        self._callback = callback
        self.parent_svcs = []
        self.master = None

    def _defaultContext(self, msg, builder_name):
        return {"builder_name": builder_name, "build_number": str(msg["number"])}

    @abc.abstractmethod
    def consume(self, routingKey, msg):
        pass

    @by_master
    def _store(self, post_data, series_name, context): ...


class CapturePropertyBase(Capture):
    """Properties of builds when they end."""

    @recorded
    def __init__(self, property_name, callback=None, regex=False):
        self._property_name = property_name
        self._regex = regex
        super().__init__(_FINISHED, callback or self._value_of)

    @staticmethod
    def _value_of(props, property_name):
        return props[property_name][0]

    @by_master
    def consume(self, routingKey, msg): ...

    @abc.abstractmethod
    def _builder_name_matches(self, builder_info):
        pass


class _OfOneBuilder:
    def _builder_name_matches(self, builder_info):
        return self._builder_name == builder_info["name"]


class _OfAllBuilders:
    def _builder_name_matches(self, builder_info):
        return True


class CaptureProperty(_OfOneBuilder, CapturePropertyBase):
    """Properties of the builds of one builder."""

    @recorded
    def __init__(self, builder_name, property_name, callback=None, regex=False):
        self._builder_name = builder_name
        super().__init__(property_name, callback, regex)


class CapturePropertyAllBuilders(_OfAllBuilders, CapturePropertyBase):
    """Properties of all builds."""


class CaptureBuildTimes(Capture):
    """Times of builds when they end."""

    @recorded
    def __init__(self, builder_name, callback, time_type):
        self._builder_name = builder_name
        self._time_type = time_type
        super().__init__(_FINISHED, callback)

    @by_master
    def consume(self, routingKey, msg): ...

    def _err_msg(self, build_data, builder_name):
        return (
            f"{self.__class__.__name__} failed on build {build_data['number']} "
            f"on builder {builder_name}"
        )

    @abc.abstractmethod
    def _retValParams(self, msg):
        pass

    @abc.abstractmethod
    def _builder_name_matches(self, builder_info):
        pass


def _iso(moment):
    return moment.isoformat()


class CaptureBuildStartTime(_OfOneBuilder, CaptureBuildTimes):
    """When the builds of one builder started."""

    @recorded
    def __init__(self, builder_name, callback=None):
        super().__init__(builder_name, callback or _iso, "start-time")

    def _retValParams(self, msg):
        return [msg["started_at"]]


class CaptureBuildStartTimeAllBuilders(_OfAllBuilders, CaptureBuildStartTime):
    """When builds started."""

    @recorded
    def __init__(self, callback=None):
        super().__init__(None, callback)


class CaptureBuildEndTime(_OfOneBuilder, CaptureBuildTimes):
    """When the builds of one builder ended."""

    @recorded
    def __init__(self, builder_name, callback=None):
        super().__init__(builder_name, callback or _iso, "end-time")

    def _retValParams(self, msg):
        return [msg["complete_at"]]


class CaptureBuildEndTimeAllBuilders(_OfAllBuilders, CaptureBuildEndTime):
    """When builds ended."""

    @recorded
    def __init__(self, callback=None):
        super().__init__(None, callback)


class CaptureBuildDuration(_OfOneBuilder, CaptureBuildTimes):
    """How long the builds of one builder took."""

    @recorded
    def __init__(self, builder_name, report_in="seconds", callback=None):
        if report_in not in _SECONDS:
            config.error(
                f"Error during initialization of class {self.__class__.__name__}. "
                "`report_in` parameter must be one of 'seconds', 'minutes' or 'hours'"
            )
        unit = _SECONDS.get(report_in, 1)

        def in_units(start_time, end_time):
            return (end_time - start_time).total_seconds() / unit

        super().__init__(builder_name, callback or in_units, "duration")

    def _retValParams(self, msg):
        return [msg["started_at"], msg["complete_at"]]


class CaptureBuildDurationAllBuilders(_OfAllBuilders, CaptureBuildDuration):
    """How long builds took."""

    @recorded
    def __init__(self, report_in="seconds", callback=None):
        super().__init__(None, report_in, callback)


class CaptureDataBase(Capture):
    """Data that steps give with `yieldMetricsValue`."""

    @recorded
    def __init__(self, data_name, callback=None):
        self._data_name = data_name
        super().__init__(_GIVEN, callback or self._as_given)

    @staticmethod
    def _as_given(data):
        return data

    @by_master
    def consume(self, routingKey, msg): ...

    @abc.abstractmethod
    def _builder_name_matches(self, builder_info):
        pass


class CaptureData(_OfOneBuilder, CaptureDataBase):
    """Data of the builds of one builder."""

    @recorded
    def __init__(self, data_name, builder_name, callback=None):
        self._builder_name = builder_name
        super().__init__(data_name, callback)


class CaptureDataAllBuilders(_OfAllBuilders, CaptureDataBase):
    """Data of all builds."""
