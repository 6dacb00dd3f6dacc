"""Writes into the database in a directory with the real Buildbot, something in each table that matters."""

import signal
import sys

from buildbot.master import BuildMaster
from twisted.internet import defer, task


@defer.inlineCallbacks
def main(reactor, directory):
    master = BuildMaster(directory, reactor=reactor)
    yield master.db.setup()
    db = master.db
    master.masterid = yield db.masters.findMasterId("host:/base")
    yield db.masters.setMasterState(master.masterid, True)
    builder = yield db.builders.findBuilderId("linux ü")
    project = yield db.projects.find_project_id("my project")
    yield db.builders.updateBuilderInfo(builder, "*d*", "markdown", "<p>d</p>", project, ["t2", "t1"])
    yield db.builders.addBuilderMaster(builder, master.masterid)
    worker = yield db.workers.findWorkerId("w1")
    yield db.workers.workerConfigured(worker, master.masterid, [builder])
    yield db.workers.workerConnected(worker, master.masterid, {"host": "h"})
    yield db.workers.set_worker_paused(worker, True, "hot")
    scheduler = yield db.schedulers.findSchedulerId("nightly")
    yield db.schedulers.setSchedulerMaster(scheduler, master.masterid)
    source = yield db.changesources.findChangeSourceId("poller")
    yield db.changesources.setChangeSourceMaster(source, master.masterid)
    yield db.state.setState((yield db.state.getObjectId("www", "a.B")), "k", {"b": 1, "a": None})

    user = yield db.users.findUserByAttr("Ann <a@x>", "git", "Ann <a@x>")
    change = yield db.changes.addChange(
        author="Ann",
        committer="Bob",
        files=["z", "a"],
        comments="text",
        revision="r1",
        category="c",
        properties={"deep": ({"b": 1, "a": ["ü"]}, "Change")},
        repository="git://r",
        codebase="lib",
        uid=user,
    )
    yield db.schedulers.classifyChanges(scheduler, {change: True})
    patched = {
        "codebase": "app",
        "repository": "git://r",
        "project": "",
        "branch": "main",
        "revision": None,
        "patch_body": b"--- a",
        "patch_level": 1,
        "patch_author": "bob",
        "patch_comment": "try",
        "patch_subdir": "src",
    }
    buildset, requests = yield db.buildsets.addBuildset(
        sourcestamps=[1, patched],
        reason="why",
        properties={"deep": ({"b": 1, "a": ["ü"]}, "Scheduler"), "text": ("x", "Trigger")},
        builderids=[builder],
        waited_for=True,
        external_idstring="x1",
        priority=4,
    )
    request = requests[builder]
    yield db.buildrequests.claimBuildRequests([request])
    build, _ = yield db.builds.addBuild(builder, request, worker, master.masterid, "created")
    yield db.builds.setBuildProperty(build, "deep", {"b": 1, "a": ["ü"]}, "Build")
    step, _, _ = yield db.steps.addStep(build, "shell", "pending")
    yield db.steps.startStep(step, 1_700_000_000, False)
    yield db.steps.addURL(step, "page", "http://p/")
    yield db.logs.addLog(step, "stdio", "stdio", "s")
    # It is killed here: nothing has ended.


# A script that hangs ends, too.
signal.alarm(60)
task.react(main, sys.argv[1:])
