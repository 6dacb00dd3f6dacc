"""Cancels the other builds of a buildset when one of them fails."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.util.service import BuildbotService
from buildbot.util.ssfilter import SourceStampFilter, extract_filter_values

__getattr__ = elsewhere(__name__, "FAILURE config defer resultspec")


@with_private("_on_build_finished")
class FailingBuildsetCanceller(BuildbotService):
    """`filters` is a list of (builders to watch, builders to cancel or None for all, filter)."""

    compare_attrs = (*BuildbotService.compare_attrs, "filters")

    @recorded
    def checkConfig(self, name, filters):
        self.name = name
        self.check_filters(filters)

    def reconfigService(self, name, filters):
        self.filters = self.filter_tuples_to_filter_set_object(filters)
        return super().reconfigService()

    @classmethod
    def check_filters(cls, filters):
        if not isinstance(filters, list):
            config_error(f"{cls.__name__}: The filters argument must be a list of tuples")
        for filter in filters:
            if (
                not isinstance(filter, tuple)
                or len(filter) != 3
                or not isinstance(filter[2], SourceStampFilter)
            ):
                config_error(
                    f"{cls.__name__}: The filters argument must be a list of tuples each of "
                    "which contains builders to track as the first item, builders to cancel as "
                    "the second and SourceStampFilter as the third"
                )
            builders, builders_to_cancel, _ = filter
            try:
                extract_filter_values(builders, "builders")
                if builders_to_cancel is not None:
                    extract_filter_values(builders_to_cancel, "builders_to_cancel")
            except Exception as error:
                config_error(f"{cls.__name__}: When processing filter builders: {error}")

    @classmethod
    def filter_tuples_to_filter_set_object(cls, filters):
        """The filters with their builders as lists."""
        return [
            (
                extract_filter_values(watched, "builders"),
                None
                if cancelled is None
                else extract_filter_values(cancelled, "builders_to_cancel"),
                chosen,
            )
            for watched, cancelled, chosen in filters
        ]

    @by_master
    def startService(self): ...

    @by_master
    def stopService(self): ...
