"""What code of users reaches as `master.botmaster`."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot.process.builder import Builder
from buildbot.process.results import CANCELLED, RETRY

__all__ = ["BotMaster", "Builder", "CANCELLED", "LockRetrieverMixin", "RETRY"]

__getattr__ = elsewhere(
    __name__,
    "AbstractLatentWorker AlreadyClaimedError BuildRequestDistributor States "
    "async_to_deferred debounce defer locks log metrics render_description service util",
)


class LockRetrieverMixin:
    """Locks belong to the master; they are found by their access."""

    def getLockByID(self, lockid, config_version):
        return runtime.ask(self, "getLock", name=lockid.name)

    def getLockFromLockAccess(self, access, config_version):
        return self.getLockByID(access.lockid, config_version)

    def getLockFromLockAccesses(self, accesses, config_version):
        return [self.getLockFromLockAccess(access, config_version) for access in accesses]


class BotMaster(LockRetrieverMixin):
    """Starts builds; knows the builders."""

    debug = 0
    name = "botmaster"
    master = None
    parent = None
    _session = None

    def __init__(self):
        self.builders = {}
        self.builderNames = []
        self.watchers = {}
        self.shuttingDown = False

    @classmethod
    def from_description(cls, builders, master=None):
        """Of a list of `Builder`."""
        made = cls()
        made.master = made.parent = master
        made.builders = {builder.name: builder for builder in builders}
        made.builderNames = list(made.builders)
        return made

    def cleanShutdown(self, quickMode=False, stopReactor=True):
        self.shuttingDown = True
        return runtime.ask(self, "cleanShutdown", quick=quickMode)

    def cancelCleanShutdown(self):
        self.shuttingDown = False
        runtime.tell(self, "cancelCleanShutdown")

    def workerLost(self, bot):
        """Workers belong to the master."""

    def getBuildersForWorker(self, workername):
        return [
            builder
            for builder in self.builders.values()
            if builder.config is not None and workername in builder.config.workernames
        ]

    def getBuildernames(self):
        return self.builderNames

    def getBuilders(self):
        return list(self.builders.values())

    def getBuilderById(self, builderid):
        for builder in self.builders.values():
            if builder._builderid == builderid:
                return builder
        return None

    def startService(self):
        """The master starts by itself."""

    def stopService(self):
        """The master stops by itself."""

    def reconfigServiceWithBuildbotConfig(self, new_config):
        """The master takes a new configuration over by itself."""

    def reconfigProjects(self, new_config):
        """The master takes a new configuration over by itself."""

    def reconfig_codebases(self, new_config):
        """The master takes a new configuration over by itself."""

    def reconfigServiceBuilders(self, new_config):
        """The master takes a new configuration over by itself."""

    def add_in_progress_buildrequest(self, brid):
        """Requests belong to the master."""

    def remove_in_progress_buildrequest(self, brid):
        """Requests belong to the master."""

    def maybe_cancel_in_progress_buildrequest(self, brid, reason):
        """Requests belong to the master."""

    def maybeStartBuildsForBuilder(self, buildername):
        runtime.tell(self, "maybeStartBuilds", builders=[buildername])

    def maybeStartBuildsForWorker(self, worker_name):
        builders = [builder.name for builder in self.getBuildersForWorker(worker_name)]
        runtime.tell(self, "maybeStartBuilds", builders=builders)

    def maybeStartBuildsForAllBuilders(self):
        runtime.tell(self, "maybeStartBuilds", builders=list(self.builderNames))
