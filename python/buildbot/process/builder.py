"""Builders, as code of users sees them."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot.process.results import RETRY

__all__ = ["Builder", "RETRY", "enforceChosenWorker"]

__getattr__ = elsewhere(
    __name__,
    "Build IRenderable Properties buildrequest bytes2unicode defer epoch2datetime "
    "get_real_locks_from_accesses_raw interfaces log render_description resultspec "
    "service util_service workerforbuilder",
)


def enforceChosenWorker(bldr, workerforbuilder, breq):
    """For `canStartBuild`: only the worker that the request's property `workername` names."""
    wanted = breq.properties.getProperty("workername")
    if isinstance(wanted, str):
        return workerforbuilder.worker.workername == wanted
    return True


class Builder:
    """A builder while the master runs."""

    master = None
    parent = None
    _session = None

    def __init__(self, name):
        self.name = name
        self._builderid = None
        self.building = []
        self.old_building = {}
        self.attaching_workers = []
        self.workers = []
        self.config = None
        self.project_name = None
        self.project_id = None
        self.config_version = None
        self.running = True

    @classmethod
    def from_description(cls, data, config=None, master=None):
        """Of a dictionary.

        `name`, `builderid`, `project_name`, `project_id`, `config_version`, and under `workers`
        a list of dictionaries for `AbstractWorkerForBuilder.from_description`, each with
        `worker`, an object or None, and `latent`.
        """
        from buildbot.process.workerforbuilder import LatentWorkerForBuilder, WorkerForBuilder

        builder = cls(data["name"])
        builder._builderid = data.get("builderid")
        builder.project_name = data.get("project_name")
        builder.project_id = data.get("project_id")
        builder.config_version = data.get("config_version")
        builder.config = config
        builder.master = master
        for worker in data.get("workers") or ():
            kind = LatentWorkerForBuilder if worker.get("latent") else WorkerForBuilder
            builder.workers.append(kind.from_description(worker, builder, worker.get("worker")))
        return builder

    @property
    def botmaster(self):
        return self.parent if self.parent is not None else getattr(self.master, "botmaster", None)

    @property
    def expectations(self):
        """None; builders no longer know how long builds take."""
        import warnings

        warnings.warn("'Builder.expectations' is deprecated.", stacklevel=2)
        return None

    def _find_builder_config_by_name(self, new_config):
        for config in new_config.builders:
            if config.name == self.name:
                return config
        return None

    def find_project_id(self, project):
        return runtime.ask(self, "findProjectId", project=project)

    def reconfigServiceWithBuildbotConfig(self, new_config):
        self.config = self._find_builder_config_by_name(new_config) or self.config

    def _has_updated_config_info(self, old_config, new_config):
        return old_config is not new_config

    def __repr__(self):
        return f"<Builder '{self.name!r}' at {id(self)}>"

    def getBuilderIdForName(self, name):
        return runtime.ask(self, "getBuilderIdForName", name=name)

    @runtime.inline
    def getBuilderId(self):
        if self._builderid is None:
            self._builderid = yield self.getBuilderIdForName(self.name)
        return self._builderid

    def getOldestRequestTime(self):
        return runtime.ask(self, "getOldestRequestTime")

    def getNewestCompleteTime(self):
        return runtime.ask(self, "getNewestCompleteTime")

    def get_highest_priority(self):
        return runtime.ask(self, "getHighestPriority")

    def getBuild(self, number):
        for build in self.building:
            if build.number == number:
                return build
        return None

    def addLatentWorker(self, worker):
        """Workers belong to the master."""

    def attached(self, worker, commands):
        """Workers belong to the master."""

    def _find_wfb_by_worker(self, worker):
        for candidate in self.attaching_workers + self.workers:
            if candidate.worker is worker:
                return candidate
        return None

    def detached(self, worker):
        """Workers belong to the master."""

    def getAvailableWorkers(self):
        return [candidate for candidate in self.workers if candidate.isAvailable()]

    def _setup_props_if_needed(self, props, workerforbuilder, buildrequest):
        if props is not None:
            return props
        from buildbot.process.build import Build
        from buildbot.process.properties import Properties

        props = Properties()
        Build.setup_properties_known_before_build_starts(
            props, [buildrequest], self, workerforbuilder
        )
        return props

    def canStartBuild(self, workerforbuilder, buildrequest):
        return runtime.ask(
            self, "canStartBuild", worker=workerforbuilder.worker, request=buildrequest.id
        )

    def _can_acquire_locks(self, lock_list):
        return all(lock.isAvailable(self, access) for lock, access in lock_list)

    def _startBuildFor(self, workerforbuilder, buildrequests):
        return self.maybeStartBuild(workerforbuilder, buildrequests)

    def setup_properties(self, props):
        """Adds the builder's own properties."""
        props.setProperty("buildername", self.name, "Builder")
        for name, value in (self.config.properties or {}).items():
            props.setProperty(name, value, "Builder")
        for name, value in (self.config.defaultProperties or {}).items():
            if name not in props:
                props.setProperty(name, value, "Builder")
        if self.project_name is not None:
            props.setProperty("projectname", self.project_name, "Builder")
        if self.project_id is not None:
            props.setProperty("projectid", self.project_id, "Builder")

    def buildFinished(self, build, wfb):
        """Builds belong to the master."""

    def _resubmit_buildreqs(self, build):
        return runtime.ask(self, "resubmit", requests=[r.id for r in build.requests])

    def maybeStartBuild(self, workerforbuilder, breqs):
        return runtime.ask(
            self,
            "maybeStartBuild",
            worker=workerforbuilder.worker,
            requests=[request.id for request in breqs],
        )

    def getCollapseRequestsFn(self):
        """What decides about collapsing: None, or a function of (master, builder, old, new)."""
        wanted = self.config.collapseRequests
        if wanted is None:
            wanted = getattr(self.master.config, "collapseRequests", None)
        if wanted is None:
            wanted = True
        if wanted is True:
            return Builder._defaultCollapseRequestFn
        return None if wanted is False else wanted

    @staticmethod
    def _defaultCollapseRequestFn(master, builder, brdict1, brdict2):
        from buildbot.process.buildrequest import BuildRequest

        return BuildRequest.canBeCollapsed(master, brdict1, brdict2)
