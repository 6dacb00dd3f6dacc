"""``master.db``: what code of users reads of the database, row by row.

The rows come through the data interface; the classes of rows are Buildbot's. What code of users
has no business with, such as claiming requests, is refused by name.
"""

from __future__ import annotations

import datetime
import json

from buildbot._host.live_data import Absent, ask, find, missing, text
from buildbot._host.runtime import inline
from buildbot.data.resultspec import Filter


class Database:
    """The parts of the database connection, one for each table."""

    def __init__(self, data):
        for cls in COMPONENTS:
            self.__dict__[cls.name] = cls(data, self)

    def __getattr__(self, name):
        if name not in _DATABASE:
            raise AttributeError(f"'master.db' object has no attribute {name!r}")
        return Absent(f"master.db.{name}")


_DATABASE = frozenset(
    "pool model codebases codebase_branches codebase_commits tags users test_result_sets "
    "test_results".split()
)


class _Component:
    """Base of all."""

    name = ""
    # Methods of Buildbot's that are not here.
    others = ""

    def __init__(self, data, db):
        self._data = data
        self.db = db

    def __getattr__(self, name):
        return missing(f"master.db.{self.name}", name, frozenset(self.others.split()))

    @inline
    def _one(self, path, made):
        found = yield self._data.get(path)
        return None if found is None else made(found)

    @inline
    def _all(self, path, made, spec=None, **equal):
        filters = [Filter(name, "eq", [value]) for name, value in equal.items()
                   if value is not None]
        how = {}
        if spec is not None:
            filters += spec.filters or []
            how = {"order": spec.order, "limit": spec.limit, "offset": spec.offset}
        found = yield self._data.get(path, filters=filters, **how)
        return [made(one) for one in found]


def _instant(epoch):
    if epoch is None:
        return None
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)


def _made(cls, found, **others):
    """A row: what has the same name in both, and the others."""
    import dataclasses

    names = (field.name for field in dataclasses.fields(cls))
    return cls(**{name: others[name] if name in others else found[name] for name in names})


def _build(found):
    from buildbot.db.builds import BuildModel

    return _made(BuildModel, found, id=found["buildid"])


class Builds(_Component):
    name = "builds"
    others = "addBuild finishBuild add_build_locks_duration"

    def getBuild(self, buildid):
        return self._one(("builds", buildid), _build)

    def getBuildByNumber(self, builderid, number):
        return self._one(("builders", builderid, "builds", number), _build)

    def getBuilds(
        self, builderid=None, buildrequestid=None, workerid=None, complete=None, resultSpec=None
    ):
        return self._all(
            ("builds",),
            _build,
            resultSpec,
            builderid=builderid,
            buildrequestid=buildrequestid,
            workerid=workerid,
            complete=complete,
        )

    def getBuildsForChange(self, changeid):
        return self._all(("changes", changeid, "builds"), _build)

    def get_triggered_builds(self, buildid):
        return self._all(("builds", buildid, "triggered_builds"), _build)

    @inline
    def getPrevSuccessfulBuild(self, builderid, number, ssBuild):
        found = yield ask(
            "previous_success",
            "master.db.builds.getPrevSuccessfulBuild()",
            builder=int(builderid),
            number=int(number),
            stamps=[[one["repository"], one["branch"], one["codebase"]] for one in ssBuild],
        )
        return None if found is None else (yield self.getBuild(found))

    @inline
    def getBuildProperties(self, bid, resultSpec=None):
        found = yield self._data.get(("builds", bid, "properties"))
        return found or {}

    def setBuildProperty(self, bid, name, value, source):
        return self._data.updates.setBuildProperty(bid, name, value, source)

    def setBuildStateString(self, buildid, state_string):
        return self._data.updates.setBuildStateString(buildid, state_string)


class BuildRequests(_Component):
    name = "buildrequests"
    others = "claimBuildRequests unclaimBuildRequests completeBuildRequests " \
             "set_build_requests_priority"

    @inline
    def getBuildRequest(self, brid):
        found = yield self._data.get(("buildrequests", brid))
        if found is None:
            return None
        return (yield self._with_names([found]))[0]

    @inline
    def getBuildRequests(
        self,
        builderid=None,
        complete=None,
        claimed=None,
        bsid=None,
        branch=None,
        repository=None,
        resultSpec=None,
    ):
        equal = {"builderid": builderid, "complete": complete, "buildsetid": bsid}
        if claimed is not None:
            # a number is the master that has claimed it
            if isinstance(claimed, bool):
                equal["claimed"] = claimed
            else:
                equal["claimed_by_masterid"] = claimed
        found = yield self._all(("buildrequests",), dict, resultSpec, **equal)
        if branch is not None or repository is not None:
            wanted = []
            for one in found:
                buildset = yield self._data.get(("buildsets", one["buildsetid"]))
                if any(
                    (branch is None or stamp["branch"] == branch)
                    and (repository is None or stamp["repository"] == repository)
                    for stamp in buildset["sourcestamps"]
                ):
                    wanted.append(one)
            found = wanted
        return (yield self._with_names(found))

    @inline
    def _with_names(self, found):
        from buildbot.db.buildrequests import BuildRequestModel

        builders = yield self._data.get(("builders",), fields=["builderid", "name"])
        names = {one["builderid"]: one["name"] for one in builders}
        return [
            _made(BuildRequestModel, one, buildername=names.get(one["builderid"]))
            for one in found
        ]


def _buildset(found):
    from buildbot.db.buildsets import BuildSetModel

    return _made(
        BuildSetModel,
        found,
        submitted_at=_instant(found["submitted_at"]),
        complete_at=_instant(found["complete_at"]),
        sourcestamps=[one["ssid"] for one in found["sourcestamps"]],
    )


_RECENT = 1000


class Buildsets(_Component):
    name = "buildsets"
    others = "completeBuildset addBuildset"

    def getBuildset(self, bsid):
        return self._one(("buildsets", bsid), _buildset)

    def getBuildsets(self, complete=None, resultSpec=None):
        return self._all(("buildsets",), _buildset, resultSpec, complete=complete)

    @inline
    def getRecentBuildsets(self, count=None, branch=None, repository=None, complete=None):
        filters = [] if complete is None else [Filter("complete", "eq", [complete])]
        # What is looked for in vain is not looked for in the whole history.
        limit = count if not branch and not repository else _RECENT
        found = yield self._data.get(
            ("buildsets",), filters=filters, order=["-bsid"], limit=limit
        )
        wanted = [
            one
            for one in found
            if any(
                (not branch or stamp["branch"] == branch)
                and (not repository or stamp["repository"] == repository)
                for stamp in one["sourcestamps"]
            )
        ]
        return [_buildset(one) for one in reversed(wanted[:count])]

    @inline
    def getBuildsetProperties(self, bsid):
        found = yield self._data.get(("buildsets", bsid, "properties"))
        return found or {}


def _change(found):
    from buildbot.db.changes import ChangeModel

    return _made(
        ChangeModel,
        found,
        when_timestamp=_instant(found["when_timestamp"]),
        sourcestampid=found["sourcestamp"]["ssid"],
    )


class Changes(_Component):
    name = "changes"
    others = "addChange getChangeUids pruneChanges"

    def getChange(self, changeid, no_cache=False):
        return self._one(("changes", changeid), _change)

    @inline
    def getChanges(self, resultSpec=None):
        found = yield self._all(("changes",), _change, resultSpec)
        return sorted(found, key=lambda change: change.changeid)

    def getChangesForBuild(self, buildid):
        return self._all(("builds", buildid, "changes"), _change)

    @inline
    def getChangesCount(self):
        found = yield self._data.get(("changes",), fields=["changeid"])
        return len(found)

    @inline
    def getLatestChangeid(self):
        found = yield self._data.get(("changes",), order=["-changeid"], limit=1)
        return found[0]["changeid"] if found else None

    @inline
    def getChangeFromSSid(self, sourcestampid):
        found = yield self._all(("sourcestamps", sourcestampid, "changes"), _change)
        return found[0] if found else None

    @inline
    def getParentChangeIds(self, branch, repository, project, codebase):
        wanted = {
            "branch": branch,
            "repository": repository,
            "project": project,
            "codebase": codebase,
        }
        filters = [Filter(name, "eq", [value]) for name, value in wanted.items()]
        found = yield self._data.get(
            ("changes",), filters=filters, order=["-changeid"], limit=1
        )
        return [one["changeid"] for one in found]


def _source_stamp(found):
    from buildbot.db.sourcestamps import PatchModel, SourceStampModel

    patch = found["patch"]
    return _made(
        SourceStampModel, found, patch=None if patch is None else _made(PatchModel, patch)
    )


class SourceStamps(_Component):
    name = "sourcestamps"
    others = "findSourceStampId findOrCreateId"

    def getSourceStamp(self, key, no_cache=False):
        return self._one(("sourcestamps", key), _source_stamp)

    def getSourceStamps(self):
        return self._all(("sourcestamps",), _source_stamp)

    def get_sourcestamps_for_buildset(self, buildsetid):
        return self._all(("buildsets", buildsetid, "sourcestamps"), _source_stamp)

    @inline
    def getSourceStampsForBuild(self, buildid):
        build = yield self._data.get(("builds", buildid))
        if build is None:
            return []
        request = yield self._data.get(("buildrequests", build["buildrequestid"]))
        return (yield self.get_sourcestamps_for_buildset(request["buildsetid"]))


def _worker(found):
    from buildbot.db.workers import BuilderMasterModel, WorkerModel

    return _made(
        WorkerModel,
        found,
        id=found["workerid"],
        configured_on=[_made(BuilderMasterModel, one) for one in found["configured_on"]],
        connected_to=[one["masterid"] for one in found["connected_to"]],
    )


class Workers(_Component):
    name = "workers"
    others = "deconfigureAllWorkersForMaster workerConfigured workerConnected " \
             "workerDisconnected set_worker_paused set_worker_graceful"

    def findWorkerId(self, name):
        return find("worker", name)

    def getWorker(self, workerid=None, name=None, masterid=None, builderid=None):
        path = _below(masterid, builderid)
        return self._one((*path, "workers", workerid if name is None else name), _worker)

    def getWorkers(self, masterid=None, builderid=None, paused=None, graceful=None):
        path = _below(masterid, builderid)
        return self._all((*path, "workers"), _worker, paused=paused, graceful=graceful)


def _below(masterid, builderid):
    path = ()
    if masterid is not None:
        path += ("masters", masterid)
    if builderid is not None:
        path += ("builders", builderid)
    return path


def _builder(found):
    from buildbot.db.builders import BuilderModel

    return _made(BuilderModel, found, id=found["builderid"])


class Builders(_Component):
    name = "builders"
    others = "updateBuilderInfo addBuilderMaster removeBuilderMaster"

    @inline
    def findBuilderId(self, name, autoCreate=True):
        if autoCreate:
            return (yield find("builder", name))
        found = yield self._data.get(("builders", text(name)))
        return None if found is None else found["builderid"]

    def getBuilder(self, builderid):
        return self._one(("builders", builderid), _builder)

    def getBuilders(self, masterid=None, projectid=None, workerid=None):
        path = ("builders",)
        if masterid is not None:
            path = ("masters", masterid, "builders")
        elif workerid is not None:
            path = ("workers", workerid, "builders")
        return self._all(path, _builder, projectid=projectid)


def _step(found):
    from buildbot.db.steps import StepModel, UrlModel

    urls = [UrlModel(**one) for one in found["urls"]]
    return _made(StepModel, found, id=found["stepid"], urls=urls)


class Steps(_Component):
    name = "steps"
    others = "addStep startStep set_step_locks_acquired_at finishStep"

    def getStep(self, stepid=None, buildid=None, number=None, name=None):
        if stepid is not None:
            return self._one(("steps", stepid), _step)
        if buildid is None:
            raise RuntimeError("must supply either stepid or buildid")
        if number is None and name is None:
            raise RuntimeError("must supply either number or name")
        key = name if number is None else number
        return self._one(("builds", buildid, "steps", key), _step)

    def getSteps(self, buildid):
        return self._all(("builds", buildid, "steps"), _step)

    def setStepStateString(self, stepid, state_string):
        return self._data.updates.setStepStateString(stepid, state_string)

    def addURL(self, stepid, name, url):
        return self._data.updates.addStepURL(stepid, name, url)


def _log(found):
    from buildbot.db.logs import LogModel

    return _made(LogModel, found, id=found["logid"])


class Logs(_Component):
    name = "logs"
    others = "iter_log_lines addLog appendLog finishLog compressLog deleteOldLogChunks"

    def getLog(self, logid):
        return self._one(("logs", logid), _log)

    def getLogs(self, stepid=None):
        path = ("logs",) if stepid is None else ("steps", stepid, "logs")
        return self._all(path, _log)

    def getLogBySlug(self, stepid, slug):
        return self._one(("steps", stepid, "logs", slug), _log)

    @inline
    def getLogLines(self, logid, first_line, last_line):
        found = yield self._data.get(
            ("logs", logid, "contents"), offset=first_line, limit=last_line - first_line + 1
        )
        return "" if found is None else found["content"]


class Masters(_Component):
    name = "masters"
    others = "findMasterId setMasterState setAllMastersActiveLongTimeAgo"

    def getMaster(self, masterid):
        return self._one(("masters", masterid), _master)

    def getMasters(self):
        return self._all(("masters",), _master)


def _master(found):
    from buildbot.db.masters import MasterModel

    return _made(MasterModel, found, id=found["masterid"])


def _owner(found):
    return None if found["master"] is None else found["master"]["masterid"]


def _scheduler(found):
    from buildbot.db.schedulers import SchedulerModel

    return _made(SchedulerModel, found, id=found["schedulerid"], masterid=_owner(found))


class Schedulers(_Component):
    name = "schedulers"
    others = "enable classifyChanges flushChangeClassifications getChangeClassifications " \
             "setSchedulerMaster get_scheduler_master"

    def findSchedulerId(self, name):
        return find("scheduler", name)

    def getScheduler(self, schedulerid):
        return self._one(("schedulers", schedulerid), _scheduler)

    @inline
    def getSchedulers(self, active=None, masterid=None):
        found = yield self._all(("schedulers",), _scheduler)
        return _of_master(found, active, masterid)


def _of_master(found, active, masterid):
    return [
        one
        for one in found
        if (active is None or (one.masterid is not None) == active)
        and (masterid is None or one.masterid == masterid)
    ]


def _change_source(found):
    from buildbot.db.changesources import ChangeSourceModel

    return _made(ChangeSourceModel, found, id=found["changesourceid"], masterid=_owner(found))


class ChangeSources(_Component):
    name = "changesources"
    others = "setChangeSourceMaster get_change_source_master"

    def findChangeSourceId(self, name):
        return find("changesource", name)

    def getChangeSource(self, changesourceid):
        return self._one(("changesources", changesourceid), _change_source)

    @inline
    def getChangeSources(self, active=None, masterid=None):
        found = yield self._all(("changesources",), _change_source)
        return _of_master(found, active, masterid)


def _project(found):
    from buildbot.db.projects import ProjectModel

    return _made(ProjectModel, found, id=found["projectid"])


class Projects(_Component):
    name = "projects"
    others = "update_project_info"

    def find_project_id(self, name, auto_create=True):
        return self._data.updates.find_project_id(name, auto_create)

    def get_project(self, projectid):
        return self._one(("projects", projectid), _project)

    def get_projects(self):
        return self._all(("projects",), _project)

    def get_active_projects(self):
        return self._all(("projects",), _project, active=True)


def _build_data(found):
    from buildbot.db.build_data import BuildDataModel

    return _made(BuildDataModel, found)


class BuildData(_Component):
    name = "build_data"
    others = "deleteOldBuildData"

    def setBuildData(self, buildid, name, value, source):
        return self._data.updates.setBuildData(buildid, name, value, source)

    @inline
    def getBuildData(self, buildid, name):
        found = yield self.getBuildDataNoValue(buildid, name)
        if found is not None:
            value = yield self._data.get(("builds", buildid, "data", name, "value"))
            found.value = value["raw"]
        return found

    def getBuildDataNoValue(self, buildid, name):
        return self._one(("builds", buildid, "data", name), _build_data)

    def getAllBuildDataNoValues(self, buildid):
        return self._all(("builds", buildid, "data"), _build_data)


class State(_Component):
    """State that outlives the master, of objects with a name and a class."""

    name = "state"
    others = "thdGetObjectId thdGetState thdSetState"
    _nothing = object()

    def getObjectId(self, name, class_name):
        return find("object", name, **{"class": text(class_name)})

    @inline
    def getState(self, objectid, name, default=_nothing):
        found = yield ask(
            "state.get", "master.db.state.getState()", object=int(objectid), name=text(name)
        )
        if found is not None:
            return json.loads(found)
        if default is self._nothing:
            raise KeyError(f"no such state value '{name}' for object {objectid}")
        return default

    @inline
    def setState(self, objectid, name, value):
        yield self._set(objectid, name, value, once=False)

    @inline
    def atomicCreateState(self, objectid, name, thd_create_callback):
        none = object()
        found = yield self.getState(objectid, name, none)
        if found is none:
            kept = yield self._set(objectid, name, thd_create_callback(), once=True)
            found = json.loads(kept)
        return found

    def _set(self, objectid, name, value, once):
        try:
            kept = json.dumps(value)
        except (TypeError, ValueError) as problem:
            raise TypeError(f"Error encoding JSON for {value!r}") from problem
        return ask(
            "state.set",
            "master.db.state.setState()",
            object=int(objectid),
            name=text(name),
            text=kept,
            once=once,
        )


COMPONENTS = (
    Builds,
    BuildRequests,
    Buildsets,
    Changes,
    SourceStamps,
    Workers,
    Builders,
    Steps,
    Logs,
    Masters,
    Schedulers,
    ChangeSources,
    Projects,
    BuildData,
    State,
)
