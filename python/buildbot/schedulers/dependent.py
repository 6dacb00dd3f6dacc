"""Builds what another scheduler had built successfully."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.schedulers import base

__getattr__ = elsewhere(__name__, "SUCCESS WARNINGS config defer interfaces util")


def _is_scheduler(value):
    if isinstance(value, (base.ReconfigurableBaseScheduler, base.BaseScheduler)):
        return True
    import sys

    interfaces = sys.modules.get("buildbot.interfaces")
    return interfaces is not None and bool(interfaces.IScheduler.providedBy(value))


@with_private(
    "_buildset_new_cb",
    "_buildset_complete_cb",
    "_checkCompletedBuildsets",
    "_updateCachedUpstreamBuilds",
    "_getUpstreamBuildsets",
    "_addUpstreamBuildset",
    "_removeUpstreamBuildsets",
)
class Dependent(base.ReconfigurableBaseScheduler):
    """Starts with the same source stamps when buildsets of `upstream` succeed."""

    compare_attrs = ("upstream_name",)
    upstream_name = None

    def __init__(self, name, upstream, builderNames, **kwargs):
        super().__init__(name=name, upstream=upstream, builderNames=builderNames, **kwargs)

    @recorded
    def checkConfig(self, upstream, builderNames, **kwargs):
        if not _is_scheduler(upstream):
            config_error("upstream must be another Scheduler instance")
        super().checkConfig(builderNames=builderNames, **kwargs)

    def reconfigService(self, upstream, builderNames, **kwargs):
        answer = super().reconfigService(builderNames=builderNames, **kwargs)
        self.upstream_name = upstream.name
        return answer

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...
