"""Writes or reads the first log of a database with the real Buildbot: `write|read METHOD STATE DIRECTORY`."""

import os
import signal
import sys

from buildbot.master import BuildMaster
from twisted.internet import defer, task


def lines(count):
    return "".join(f"o{number} ü {'x' * (number * 37 % 301)}\n" for number in range(count))


@defer.inlineCallbacks
def main(reactor, action, method, state, directory):
    master = BuildMaster(directory, reactor=reactor)
    master.config.logCompressionMethod = method
    yield master.db.setup()
    db = master.db
    # Its threads compress.
    db.logs.startService()
    if action == "read":
        text = yield defer.ensureDeferred(db.logs.getLogLines(1, 0, 3999))
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    master.masterid = yield db.masters.findMasterId("host:/base")
    builder = yield db.builders.findBuilderId("b")
    worker = yield db.workers.findWorkerId("w")
    stamp = {
        "codebase": "",
        "repository": "",
        "project": "",
        "branch": None,
        "revision": None,
    }
    _, requests = yield db.buildsets.addBuildset(
        sourcestamps=[stamp],
        reason="r",
        properties={},
        builderids=[builder],
        waited_for=False,
    )
    build, _ = yield db.builds.addBuild(builder, requests[builder], worker, master.masterid, "created")
    step, _, _ = yield db.steps.addStep(build, "shell", "pending")
    log = yield db.logs.addLog(step, "stdio", "stdio", "s")
    assert log == 1
    if state == "nothing":
        return
    text = lines(4000)
    parts = text.splitlines(keepends=True)
    for at in range(0, 4000, 100):
        yield defer.ensureDeferred(db.logs.appendLog(log, "".join(parts[at : at + 100])))
    yield db.logs.finishLog(log)
    if state == "compressed":
        yield defer.ensureDeferred(db.logs.compressLog(log))


# A script that hangs ends, too.
signal.alarm(60)


def end(reactor, *arguments):
    # The threads of the master do not end by themselves.
    done = main(reactor, *arguments)
    done.addCallback(lambda _: (sys.stdout.flush(), os._exit(0)))
    return done


task.react(end, sys.argv[1:])
