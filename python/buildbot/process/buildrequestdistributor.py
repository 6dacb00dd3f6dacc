"""Distribution of requests is the master's; these names are for code that imports them."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot.process.buildrequest import BuildRequest

__getattr__ = elsewhere(
    __name__,
    "BuildRequestModel Failure async_sort async_to_deferred defer deferwaiter "
    "epoch2datetime log metrics resultspec service",
)

__all__ = ["BasicBuildChooser", "BuildChooserBase", "BuildRequest", "BuildRequestDistributor"]


class BuildChooserBase:
    """Chooses pairs of worker and requests."""

    _session = None

    def __init__(self, bldr, master):
        self.bldr = bldr
        self.master = master
        self.breqCache = {}
        self.unclaimedBrdicts = None

    @runtime.inline
    def chooseNextBuild(self):
        worker, request = yield self.popNextBuild()
        return (worker, [request]) if worker and request else (None, None)

    def popNextBuild(self):
        raise NotImplementedError("Must override this with the specific build selection logic")

    def _getUnclaimedBuildRequests(self):
        return runtime.ask(self, "getUnclaimedBuildRequests", builder=self.bldr.name)


class BasicBuildChooser(BuildChooserBase):
    """Chooses by `nextWorker`, `nextBuild` and priority."""

    def __init__(self, bldr, master):
        super().__init__(bldr, master)
        self.nextWorker = bldr.config.nextWorker
        self.nextBuild = bldr.config.nextBuild
        self.workerpool = bldr.getAvailableWorkers()
        self.rejectedWorkers = []
        self.preferredWorkers = []

    def popNextBuild(self):
        return runtime.ask(self, "popNextBuild", builder=self.bldr.name)

    def canStartBuild(self, worker, breq):
        return self.bldr.canStartBuild(worker, breq)


class BuildRequestDistributor:
    """Wakes the distribution up."""

    BuildChooser = BasicBuildChooser
    _session = None

    def __init__(self, botmaster):
        self.botmaster = botmaster
        self.active = False

    @property
    def can_distribute(self):
        return True

    def stopService(self):
        """The master stops by itself."""

    def maybeStartBuildsOn(self, new_builders):
        for name in new_builders:
            self.botmaster.maybeStartBuildsForBuilder(name)

    def createBuildChooser(self, bldr, master):
        return self.BuildChooser(bldr, master)
