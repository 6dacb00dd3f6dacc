"""Builds when a step of another build asks for it."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.schedulers import base

__getattr__ = elsewhere(
    __name__,
    "ITriggerableScheduler Properties debounce defer failure implementer",
)


@provides("ITriggerableScheduler")
@with_private("_updateWaiters", "_buildset_complete_cb")
class Triggerable(base.ReconfigurableBaseScheduler):
    """Waits for `trigger`."""

    compare_attrs = ("name", "builderNames", "properties", "codebases", "reason")

    def __init__(self, name, builderNames, *args, **kwargs):
        super().__init__(*args, name=name, builderNames=builderNames, **kwargs)

    @recorded
    def checkConfig(self, builderNames, reason=None, **kwargs):
        super().checkConfig(builderNames=builderNames, **kwargs)

    def reconfigService(self, builderNames, reason=None, **kwargs):
        answer = super().reconfigService(builderNames=builderNames, **kwargs)
        self.reason = reason
        return answer

    @by_master
    def trigger(
        self,
        waited_for,
        sourcestamps=None,
        set_props=None,
        parent_buildid=None,
        parent_relationship=None,
    ): ...
