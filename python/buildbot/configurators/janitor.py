"""Deletes old logs and build data at regular times."""

from __future__ import annotations

import datetime

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.configurators import ConfiguratorBase
from buildbot.process.buildstep import BuildStep

__getattr__ = elsewhere(
    __name__,
    "BuildFactory BuilderConfig ForceScheduler LocalWorker Nightly SUCCESS datetime2epoch "
    "defer",
)

JANITOR_NAME = "__Janitor"


def now():
    """The current time, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


class LogChunksJanitor(BuildStep):
    """Deletes the contents of logs older than `logHorizon`."""

    name = "LogChunksJanitor"
    renderables = ["logHorizon"]

    @recorded
    def __init__(self, logHorizon):
        super().__init__()
        self.logHorizon = logHorizon

    @runtime.native
    def run(self):
        """Deletes them."""


class BuildDataJanitor(BuildStep):
    """Deletes the data of builds older than `build_data_horizon`."""

    name = "BuildDataJanitor"
    renderables = ["build_data_horizon"]

    @recorded
    def __init__(self, build_data_horizon):
        super().__init__()
        self.build_data_horizon = build_data_horizon

    @runtime.native
    def run(self):
        """Deletes them."""


class JanitorConfigurator(ConfiguratorBase):
    """Adds a builder, its worker and its schedulers.

    Further keywords say when, as for `Nightly`; others than these are ignored.
    """

    @recorded
    def __init__(self, logHorizon=None, hour=0, build_data_horizon=None, **kwargs):
        super().__init__()
        self.logHorizon = logHorizon
        self.build_data_horizon = build_data_horizon
        self.hour = hour
        self.kwargs = kwargs

    def configure(self, config_dict):
        steps = []
        if self.logHorizon is not None:
            steps.append(LogChunksJanitor(logHorizon=self.logHorizon))
        if self.build_data_horizon is not None:
            steps.append(BuildDataJanitor(build_data_horizon=self.build_data_horizon))
        if not steps:
            return
        from buildbot.config.builder import BuilderConfig
        from buildbot.process.factory import BuildFactory
        from buildbot.schedulers.forcesched import ForceScheduler
        from buildbot.schedulers.timed import Nightly
        from buildbot.worker.local import LocalWorker

        super().configure(config_dict)
        when = {"hour": self.hour}
        for field in ("minute", "dayOfMonth", "month", "dayOfWeek"):
            if field in self.kwargs:
                when[field] = self.kwargs[field]
        nightly = Nightly(name=JANITOR_NAME, builderNames=[JANITOR_NAME], **when)
        forced = ForceScheduler(name=JANITOR_NAME + "_force", builderNames=[JANITOR_NAME])
        factory = BuildFactory(steps=steps)
        builder = BuilderConfig(name=JANITOR_NAME, workername=JANITOR_NAME, factory=factory)
        worker = LocalWorker(JANITOR_NAME)
        # What is wrong with them is wrong with the configurator.
        for made in (*steps, nightly, forced, factory, builder, worker):
            made.__dict__["_place"] = self._place
        self.schedulers.append(nightly)
        self.schedulers.append(forced)
        self.builders.append(builder)
        self.protocols.setdefault("null", {})
        self.workers.append(worker)
