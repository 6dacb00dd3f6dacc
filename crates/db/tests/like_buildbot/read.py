"""Prints what the real Buildbot reads from the database in a directory, or finds again in it: a line for each."""

import dataclasses
import datetime
import signal
import sys

from buildbot.master import BuildMaster
from twisted.internet import defer, task


def plain(value):
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return int(value.timestamp())
    return value


def show(what, value):
    print(what, plain(value))


@defer.inlineCallbacks
def main(reactor, directory):
    master = BuildMaster(directory, reactor=reactor)
    yield master.db.setup()
    db = master.db
    # Names give the ids that are there, so the hashes are the same.
    show("master", (yield db.masters.findMasterId("host:/base")))
    show("builder", (yield db.builders.findBuilderId("linux ü")))
    show("worker", (yield db.workers.findWorkerId("w1")))
    show("scheduler", (yield db.schedulers.findSchedulerId("nightly")))
    show("change source", (yield db.changesources.findChangeSourceId("poller")))
    show("project", (yield db.projects.find_project_id("my project")))
    show("object", (yield db.state.getObjectId("www", "a.B")))
    show("user", (yield db.users.findUserByAttr("Ann <a@x>", "git", "Ann <a@x>")))
    stamp = dict(branch=None, revision="r1", repository="git://r", project="", codebase="lib")
    show("source stamp", (yield db.sourcestamps.findSourceStampId(**stamp)))

    show("masters", (yield db.masters.getMasters()))
    show("builders", (yield db.builders.getBuilders()))
    show("workers", (yield db.workers.getWorkers()))
    show("schedulers", (yield db.schedulers.getSchedulers()))
    show("change sources", (yield db.changesources.getChangeSources()))
    show("classified", (yield db.schedulers.getChangeClassifications(1)))
    show("projects", (yield db.projects.get_projects()))
    show("codebases", (yield db.codebases.get_codebases()))
    show("state", (yield db.state.getState(1, "k")))
    show("change", (yield db.changes.getChange(1)))
    show("change users", (yield db.changes.getChangeUids(1)))
    show("source stamps", (yield db.sourcestamps.get_sourcestamps_for_buildset(1)))
    show("buildset", (yield db.buildsets.getBuildset(1)))
    show("buildset properties", (yield db.buildsets.getBuildsetProperties(1)))
    show("requests", (yield db.buildrequests.getBuildRequests()))
    show("build", (yield db.builds.getBuildByNumber(1, 1)))
    show("build properties", (yield db.builds.getBuildProperties(1)))
    show("steps", (yield db.steps.getSteps(1)))
    show("logs", (yield db.logs.getLogs(1)))

    # It goes on where we stopped, and we where it stops.
    show("claimed by us", (yield claim(master, 1, 2)))
    show("not claimed by us", (yield claim(master, 2, 1)))
    show("next build", (yield db.builds.addBuild(1, 2, 1, 1, "created")))
    show("next step", (yield db.steps.addStep(2, "shell", "pending")))
    show("next log", (yield db.logs.addLog(1, "a b", "a_b", "t")))


@defer.inlineCallbacks
def claim(master, request, masterid):
    """Whether a master gets a request."""
    from buildbot.db.buildrequests import AlreadyClaimedError

    master.masterid = masterid
    try:
        yield master.db.buildrequests.claimBuildRequests([request])
    except AlreadyClaimedError:
        return False
    return True


# A script that hangs ends, too.
signal.alarm(60)
task.react(main, sys.argv[1:])
