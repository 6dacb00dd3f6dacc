"""``master.data``: what code of users reads and changes through the data interface.

Signatures are Buildbot's; the master answers the questions ``data.get``, ``data.control`` and
``data.updates.…`` (docs/formats/config-host.md).
"""

from __future__ import annotations

import datetime
import json

from buildbot._host import master_link
from buildbot.data.base import ListResult
from buildbot.data.resultspec import Filter, ResultSpec


def ask(method, what, /, **args):
    """Deferred of what the master answers to a question ``master``."""
    return master_link.later({"ask": "master", "method": method, "args": args}, what)


def text(value):
    """Names come as bytes, too."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class Data:
    """The data interface."""

    def __init__(self):
        self.updates = Updates()

    def __getattr__(self, name):
        return missing("master.data", name, _DATA)

    def get(self, path, filters=None, fields=None, order=None, limit=None, offset=None):
        wanted = ResultSpec(
            filters=filters, fields=fields, order=order, limit=limit, offset=offset
        )
        return self.get_with_resultspec(path, wanted)

    def get_with_resultspec(self, path, resultSpec):
        asked = ask(
            "data.get",
            "master.data.get()",
            path=_path(path),
            wanted=_wanted(resultSpec),
        )
        return asked.addCallback(_gotten, resultSpec)

    def control(self, action, args, path):
        return ask(
            "data.control",
            "master.data.control()",
            action=text(action),
            args=json.loads(json.dumps(args or {})),
            path=_path(path),
        )


def _path(path):
    return [text(part) if isinstance(part, (str, bytes)) else str(part) for part in path]


def _wanted(spec):
    wanted = {
        "filters": [_condition(one) for one in spec.filters or ()],
        "order": [text(name) for name in spec.order or ()],
        "properties": [text(name) for one in spec.properties or () for name in one.values],
    }
    if spec.fields:
        wanted["fields"] = [text(name) for name in spec.fields]
    for name in ("limit", "offset"):
        value = getattr(spec, name)
        if value is not None:
            wanted[name] = int(value)
    return wanted


def _condition(one):
    return [text(one.field), one.op, [_comparable(value) for value in one.values]]


def _comparable(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, bytes):
        return text(value)
    if isinstance(value, datetime.datetime):
        return {"$": "datetime", "epoch": value.timestamp()}
    raise TypeError(f"{value!r} cannot be compared with a field")


def _gotten(answer, spec):
    if answer is None:
        return None
    if "one" in answer:
        return answer["one"]
    offset, limit = (spec.offset, spec.limit) if answer["tells_page"] else (None, None)
    return ListResult(answer["items"], offset, answer["total"], limit)


def missing(path, name, known):
    """What is there instead of a method that this master does not have."""
    if name.startswith("_") or name not in known:
        part = path.rpartition(".")[2].capitalize()
        raise AttributeError(f"{part!r} object has no attribute {name!r}")
    full = f"{path}.{name}"

    def refusing(*_args, **_kwargs):
        from buildbot._host.deferreds import defer_module

        return defer_module().fail(
            master_link.NotServed(f"{full}() cannot be called: this master does not have it")
        )

    refusing.__name__ = name
    return refusing


class Absent:
    """A part of the master that is not here: all that could be called of it is refused."""

    def __init__(self, path):
        self._path = path

    def __getattr__(self, name):
        return missing(self._path, name, (name,))


_DATA = frozenset("getEndpoint getResourceType allEndpoints produceEvent".split())


class Updates:
    """The methods that change something. Each gives a Deferred."""

    def __getattr__(self, name):
        return missing("master.data.updates", name, _UPDATES)

    def addChange(
        self,
        files=None,
        comments=None,
        author=None,
        committer=None,
        revision=None,
        when_timestamp=None,
        branch=None,
        category=None,
        revlink="",
        properties=None,
        repository="",
        codebase=None,
        project="",
        src=None,
    ):
        described = master_link.described
        if callable(category):
            category = described(category)
        else:
            category = text(category)
        return _update(
            "addChange",
            files=None if files is None else [text(name) for name in files],
            comments=text(comments),
            author=text(author),
            committer=text(committer),
            revision=text(revision),
            when_timestamp=None if when_timestamp is None else int(when_timestamp),
            branch=text(branch),
            category=category,
            revlink=text(revlink),
            properties=[
                [text(name), described(value)] for name, value in dict(properties or {}).items()
            ],
            repository=text(repository),
            codebase=text(codebase),
            project=text(project),
            src=text(src),
        )

    def addBuildset(
        self,
        waited_for,
        scheduler=None,
        sourcestamps=None,
        reason="",
        properties=None,
        builderids=None,
        external_idstring=None,
        rebuilt_buildid=None,
        parent_buildid=None,
        parent_relationship=None,
        priority=0,
    ):
        return _update(
            "addBuildset",
            waited_for=bool(waited_for),
            scheduler=text(scheduler),
            sourcestamps=[_stamp(one) for one in sourcestamps or ()],
            reason=text(reason),
            properties=_with_sources(properties or {}),
            builderids=[int(one) for one in builderids or ()],
            external_idstring=text(external_idstring),
            rebuilt_buildid=rebuilt_buildid,
            parent_buildid=parent_buildid,
            parent_relationship=text(parent_relationship),
            priority=int(priority),
        )

    def setBuildProperty(self, buildid, name, value, source):
        return self._set_properties(buildid, {name: (value, source)})

    def setBuildProperties(self, buildid, properties):
        return self._set_properties(buildid, properties.getProperties().asDict())

    def _set_properties(self, buildid, properties):
        return _update(
            "setBuildProperties", buildid=int(buildid), properties=_with_sources(properties)
        )

    def setBuildStateString(self, buildid, state_string):
        return _update(
            "setBuildStateString", buildid=int(buildid), state_string=text(state_string)
        )

    def setStepStateString(self, stepid, state_string):
        return _update("setStepStateString", stepid=int(stepid), state_string=text(state_string))

    def addStepURL(self, stepid, name, url):
        return _update("addStepURL", stepid=int(stepid), name=text(name), url=text(url))

    def setBuildData(self, buildid, name, value, source):
        return _update(
            "setBuildData",
            buildid=int(buildid),
            name=text(name),
            value=master_link.described(value),
            source=text(source),
        )

    def generateNewBuildEvent(self, buildid):
        return _update("generateNewBuildEvent", buildid=int(buildid))

    def findBuilderId(self, name):
        return find("builder", name)

    def findWorkerId(self, name):
        return find("worker", name)

    def findSchedulerId(self, name):
        return find("scheduler", name)

    def findChangeSourceId(self, name):
        return find("changesource", name)

    def find_project_id(self, name, auto_create=True):
        if auto_create:
            return find("project", name)
        found = Data().get(("projects",), filters=[Filter("name", "eq", [name])])
        return found.addCallback(lambda all: all[0]["projectid"] if all else None)


_UPDATES = frozenset(
    "addBuild addLog addStep addTestResultSet addTestResults add_build_locks_duration add_commit "
    "appendLog claimBuildRequests completeBuildRequests completeTestResultSet compressLog "
    "deconfigureAllWorkersForMaster expireMasters find_codebase_id finishBuild finishLog "
    "finishStep masterActive masterStopped maybeBuildsetComplete rebuildBuildrequest "
    "schedulerEnable set_step_locks_acquired_at set_worker_graceful set_worker_paused startStep "
    "trySetChangeSourceMaster trySetSchedulerMaster unclaimBuildRequests updateBuilderInfo "
    "updateBuilderList update_branch update_codebase_info update_project_info workerConfigured "
    "workerConnected workerDisconnected workerMissing".split()
)


def _update(name, /, **args):
    return ask(f"data.updates.{name}", f"master.data.updates.{name}()", **args)


def find(kind, name, /, **more):
    """Deferred of the id of what has this name; it is added if there is none."""
    return ask("find", f"the id of {kind} {name!r}", kind=kind, name=text(name), **more)


def _with_sources(properties):
    """Value as JSON, and source, by name."""
    return {
        text(name): [json.dumps(value), text(source)]
        for name, (value, source) in properties.items()
    }


_STAMP = (
    "branch",
    "revision",
    "repository",
    "project",
    "codebase",
    "patch_level",
    "patch_author",
    "patch_comment",
    "patch_subdir",
)


def _stamp(given):
    """A source stamp: its id, or a dictionary."""
    if isinstance(given, int):
        return given
    unknown = set(given) - {*_STAMP, "patch_body"}
    if unknown:
        raise TypeError(f"a source stamp has no {', '.join(sorted(map(repr, unknown)))}")
    stamp = {name: text(given.get(name)) for name in _STAMP}
    body = given.get("patch_body")
    if body is not None:
        stamp["patch_body"] = master_link.described(body)
    return stamp
