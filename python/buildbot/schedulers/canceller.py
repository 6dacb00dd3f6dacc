"""Cancels builds that newer commits have made pointless."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.util.service import BuildbotService
from buildbot.util.ssfilter import SourceStampFilter, extract_filter_values

__getattr__ = elsewhere(__name__, "config defer resultspec")


@with_private(
    "_on_change",
    "_on_buildrequest_new",
    "_on_buildrequest_complete",
    "_cancel_buildrequest",
)
class OldBuildCanceller(BuildbotService):
    """Cancels what is built of a branch when a newer change of it comes.

    `filters` is a list of (builders, source stamp filter); `branch_key` says for a source stamp
    what must be the same.
    """

    compare_attrs = (*BuildbotService.compare_attrs, "filters")

    @recorded
    def checkConfig(self, name, filters, branch_key=None):
        self.name = name
        self.check_filters(filters)

    def reconfigService(self, name, filters, branch_key=None):
        self.filters = filters
        self.branch_key = branch_key or self._default_branch_key
        return super().reconfigService()

    @classmethod
    def check_filters(cls, filters):
        if not isinstance(filters, list):
            config_error(f"{cls.__name__}: The filters argument must be a list of tuples")
        for filter in filters:
            if (
                not isinstance(filter, tuple)
                or len(filter) != 2
                or not isinstance(filter[1], SourceStampFilter)
            ):
                config_error(
                    f"{cls.__name__}: The filters argument must be a list of tuples each of "
                    "which contains builders as the first item and SourceStampFilter as the "
                    "second"
                )
            builders, _ = filter
            try:
                extract_filter_values(builders, "builders")
            except Exception as error:
                config_error(f"{cls.__name__}: When processing filter builders: {error}")

    @classmethod
    def filter_tuples_to_filter_set_object(cls, filters):
        """The filters with their builders as lists."""
        return [(extract_filter_values(names, "builders"), chosen) for names, chosen in filters]

    def _default_branch_key(self, ss_or_change):
        """The branch; for one change of Gerrit all its patch sets are the same."""
        import re

        if isinstance(ss_or_change, dict):
            branch = ss_or_change["branch"]
        else:
            branch = ss_or_change.branch
        if branch is None:
            return branch
        gerrit = re.match(r"^(refs/changes/\d+/\d+)/\d+$", branch)
        return gerrit.group(1) if gerrit else branch

    @by_master
    def startService(self): ...

    @by_master
    def stopService(self): ...
