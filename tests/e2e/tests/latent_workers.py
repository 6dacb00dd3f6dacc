"""Latent workers of users: their instances are processes of our worker."""

import os
import subprocess

from buildbot.interfaces import LatentWorkerCannotSubstantiate
from buildbot.worker import AbstractLatentWorker
from twisted.internet import defer, reactor, task


class Instance(AbstractLatentWorker):
    """Its instances are processes. What they do is in a file, what was done with them in another."""

    def checkConfig(self, name, directory, program, master, **kwargs):
        super().checkConfig(name, None, **kwargs)

    @defer.inlineCallbacks
    def reconfigService(self, name, directory, program, master, **kwargs):
        self.directory = directory
        self.program = program
        self.connect_to = master
        self.process = None
        yield super().reconfigService(name, self.getRandomPass(), **kwargs)

    def note(self, event):
        with open(os.path.join(self.directory, "events"), "a") as events:
            events.write(event + "\n")

    def mode(self):
        try:
            with open(os.path.join(self.directory, "mode")) as mode:
                return mode.read()
        except FileNotFoundError:
            return "good"

    def start_instance(self, build):
        self.note(f"start {build.getProperty('buildername')}")
        mode = self.mode()
        if mode == "refuses":
            return False
        if mode == "fails":
            raise RuntimeError("there is no more room")
        if mode == "cannot":
            return defer.fail(LatentWorkerCannotSubstantiate("there is no such image"))
        if mode == "hangs":
            return defer.Deferred()
        if mode in ("silent", "crashes"):
            return True
        if mode == "waits":
            return self.wait()
        return self.run()

    @defer.inlineCallbacks
    def wait(self):
        while self.mode() == "waits":
            yield task.deferLater(reactor, 0.02, lambda: None)
        yield defer.ensureDeferred(self.run())
        return True

    async def run(self):
        basedir = os.path.join(self.directory, "instance")
        create = [self.program, "create-worker", "-q", "--force", basedir]
        os.makedirs(basedir, exist_ok=True)
        if os.path.exists(os.path.join(basedir, "buildbot.tac")):
            os.remove(os.path.join(basedir, "buildbot.tac"))
        subprocess.run([*create, self.connect_to, self.name, self.password], check=True)
        start = [self.program, "start", "--nodaemon", basedir]
        self.process = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return True

    def check_instance(self):
        return (self.mode() != "crashes", "it is gone")

    def stop_instance(self, fast=False):
        self.note("stop")
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.note("stopped")
        return defer.succeed(None)


class Choosy(Instance):
    """An instance runs only builds of the builder that it was started for."""

    builds_may_be_incompatible = True
    started_for = None

    def start_instance(self, build):
        self.started_for = build.getProperty("buildername")
        return super().start_instance(build)

    def isCompatibleWithBuild(self, build_props):
        fits = self.started_for == build_props.getProperty("buildername")
        return defer.succeed(fits)

    def stop_instance(self, fast=False):
        self.started_for = None
        return super().stop_instance(fast)


def next_worker(builder, wfbs, request):
    wfb = wfbs[0]
    known = [str(one) for one in builder.workers]
    print("CHOOSES", wfb, *known, wfb.isBusy(), wfb.isAvailable(), wfb.worker.conn)
    return wfb
