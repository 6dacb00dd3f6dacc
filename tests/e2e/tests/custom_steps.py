"""Steps of users' classes, put into the configurations of the stories."""

import os
import re
import time

from twisted.internet import defer, reactor

from buildbot.process import buildstep, logobserver, remotecommand
from buildbot.process.results import *
from buildbot.steps.worker import CompositeStepMixin


class Discover(buildstep.ShellMixin, steps.BuildStep):
    name = "discover"

    def __init__(self, **kwargs):
        kwargs = self.setupShellMixin(kwargs)
        super().__init__(**kwargs)
        self.observer = logobserver.BufferLogObserver()
        self.addLogObserver("stdio", self.observer)

    @defer.inlineCallbacks
    def run(self):
        cmd = yield self.makeRemoteShellCommand()
        yield self.runCommand(cmd)
        yield self.getLog("stdio").finish()
        found = self.observer.getStdout().split()
        self.setProperty("found", found, self.name)
        self.build.addStepsAfterCurrentStep(
            [shell("echo", name, name=f"make {name}") for name in found]
        )
        return cmd.results()


class Measure(buildstep.ShellMixin, steps.BuildStep):
    name = "measure"

    def __init__(self, **kwargs):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)

    async def run(self):
        count = 0
        for command in (["sh", "-c", "echo $FROM_BUILDER"], ["sh", "-c", "echo 1.2 > version.txt"]):
            cmd = await self.makeRemoteShellCommand(command=command, collectStdout=True)
            await self.runCommand(cmd)
            count += 1
            if count == 1 and cmd.stdout != "yes\n":
                return FAILURE
        self.descriptionDone = f"measured {count} commands"
        return SUCCESS


class Version(CompositeStepMixin, steps.BuildStep):
    name = "version"
    logEnviron = False

    @defer.inlineCallbacks
    def run(self):
        there = yield self.pathExists("build/version.txt")
        content = yield self.getFileContentFromWorker("version.txt")
        if there and content:
            self.setProperty("version", content.strip(), "Version")
            self.descriptionDone = f"version {content.strip()}"
        return SUCCESS


class Report(steps.BuildStep):
    name = "report"
    description = "reporting"
    descriptionDone = "reported"

    @defer.inlineCallbacks
    def run(self):
        yield self.addCompleteLog("text", "a\nb\n")
        yield self.addHTMLLog("page", "<b>b</b>")
        log = yield self.addLog("lines")
        yield log.addStdout("out\n")
        yield log.addStderr("err\n")
        self.setStatistic("reports", 3)
        return WARNINGS


class Counted(steps.WarningCountingShellCommand):
    name = "counted"

    def evaluateCommand(self, cmd):
        assert self.warnCount >= 1
        return super().evaluateCommand(cmd)


class Later(steps.BuildStep):
    name = "later"

    @defer.inlineCallbacks
    def run(self):
        d = defer.Deferred()
        reactor.callLater(0.1, d.callback, SUCCESS)
        result = yield d
        return result


class Linked(steps.BuildStep):
    name = "linked"

    @defer.inlineCallbacks
    def run(self):
        url = yield self.build.getUrl()
        yield self.addURL("build", url)
        return SUCCESS

    def getResultSummary(self):
        return {"step": "1 link"}


class Skips(steps.BuildStep):
    name = "skips"

    def run(self):
        raise AssertionError("not wanted")


class Uploaded(steps.FileUpload):
    @defer.inlineCallbacks
    def run(self):
        res = yield super().run()
        return res

    def getResultSummary(self):
        return {"step": f"uploaded {self.workersrc}"}


class Checks(steps.BuildStep):
    name = "checks"

    def run(self):
        total = self.build.getSummaryStatistic("reports", lambda a, b: a + b, 0)
        names = [step.name for step in self.build.executedSteps]
        wrong = []
        if total != 3:
            wrong.append(f"statistics {total}")
        if names[-5:] != ["linked", "skips", "upload", "SetProperty", "checks"]:
            wrong.append(f"steps {names}")
        if self.getProperty("last") != "1.2":
            wrong.append("property")
        if self.build.results != WARNINGS and self.build.results != SUCCESS:
            wrong.append(f"results {self.build.results}")
        self.descriptionDone = "all is well" if not wrong else ", ".join(wrong)
        return SUCCESS if not wrong else FAILURE


class Breaks(steps.BuildStep):
    name = "breaks"

    @defer.inlineCallbacks
    def run(self):
        yield None
        raise ValueError("it is broken")


class Sleeps(steps.BuildStep):
    name = "sleeps"

    @defer.inlineCallbacks
    def run(self):
        cmd = remotecommand.RemoteShellCommand("build", ["sh", "-c", "echo awake; sleep 600"])
        log = yield self.addLog("stdio")
        cmd.useLog(log, True)
        yield self.runCommand(cmd)
        return cmd.results()

    def interrupt(self, reason):
        self.setProperty("heard", reason, "Sleeps")
        return super().interrupt(reason)


class Dies(steps.BuildStep):
    name = "dies"

    def run(self):
        os._exit(3)


class Blocks(steps.BuildStep):
    name = "blocks"

    def run(self):
        time.sleep(20)
        return SUCCESS
