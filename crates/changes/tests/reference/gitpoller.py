"""Runs stories about repositories with the GitPoller of the real Buildbot.

Standard input: `{"directory", "stories": [{"name", "arguments", "chapters": [[shell lines]]}]}`. Standard output: for each
story and chapter what one poll after it found.
"""

import json
import os
import subprocess
import sys
import unittest as plain
import warnings

warnings.simplefilter("ignore")

from twisted.internet import defer, reactor  # noqa: E402
from twisted.python import log  # noqa: E402
from twisted.trial import unittest  # noqa: E402

from buildbot.changes import gitpoller  # noqa: E402
from buildbot.test.fake import fakemaster  # noqa: E402
from buildbot.test.reactor import TestReactorMixin  # noqa: E402

warnings.simplefilter("ignore")
given = json.load(sys.stdin)
found = []
callables = {"<releases>": lambda ref: ref.startswith("refs/heads/release")}


def shell(directory, lines):
    subprocess.run(["sh", "-e", "-c", "\n".join(lines)], cwd=directory, check=True, stdout=subprocess.DEVNULL)


class Case(TestReactorMixin, unittest.TestCase):
    timeout = 300

    def runTest(self):
        return defer.ensureDeferred(self.go())

    async def go(self):
        warnings.simplefilter("ignore")
        self.setup_test_reactor(auto_tear_down=False)
        for story in given["stories"]:
            found.append(await self.tell(story))

    async def tell(self, story):
        directory = os.path.join(given["directory"], story["name"])
        os.makedirs(directory)
        repository = os.path.join(directory, "repository")
        arguments = dict(story["arguments"])
        if isinstance(arguments.get("branches"), str):
            arguments["branches"] = callables[arguments["branches"]]
        if arguments.get("category") == "<branch>":
            arguments["category"] = lambda change: change.branch
        master = await fakemaster.make_master(
            self, wantDb=True, wantData=True, wantRealReactor=True, auto_shutdown=False
        )
        master.basedir = directory
        await master.startService()
        poller = gitpoller.GitPoller(repository, **arguments)
        await poller.setServiceParent(master)
        chapters = []
        for lines in story["chapters"]:
            shell(directory, lines)
            before = len(master.data.updates.changesAdded)
            await poller.poll()
            changes = []
            for change in master.data.updates.changesAdded[before:]:
                change = dict(change)
                if callable(change["category"]):
                    change["category"] = "<callable>"
                changes.append(change)
            objectid = await master.db.state.getObjectId(poller.name, "GitPoller")
            state = await master.db.state.getState(objectid, "lastRev", None)
            refs = subprocess.run(
                ["git", "for-each-ref", "--format=%(refname) %(objectname)"],
                cwd=os.path.join(directory, "gitpoller-work"),
                capture_output=True,
                text=True,
            ).stdout
            chapters.append({"changes": changes, "state": state, "refs": refs.splitlines()})
        await master.stopService()
        await master.test_shutdown()
        self.flushLoggedErrors()
        return chapters


result = plain.TestResult()
Case().run(result)
problems = [text for _, text in result.errors + result.failures]
problems = [text for text in problems if "DeprecationWarning: " not in text]
if len(found) != len(given["stories"]):
    raise SystemExit("\n".join(problems) or "it ended early")
json.dump(found, sys.stdout)
