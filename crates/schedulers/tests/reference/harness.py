"""Runs a coroutine with a fake master of the real Buildbot's own test package."""

import unittest as plain
import warnings

warnings.simplefilter("ignore")

from twisted.internet import defer  # noqa: E402
from twisted.trial import unittest  # noqa: E402

from buildbot.test.reactor import TestReactorMixin  # noqa: E402
from buildbot.test.util import scheduler  # noqa: E402

# The test package makes them errors.
warnings.simplefilter("ignore")


def run(coroutine):
    """`coroutine(case)` is run; `case.master` is a master, `case.reactor` its clock."""

    class Case(TestReactorMixin, scheduler.SchedulerMixin, unittest.TestCase):
        def runTest(self):
            return defer.ensureDeferred(self.go())

        async def go(self):
            warnings.simplefilter("ignore")
            self.setup_test_reactor()
            await self.setUpScheduler()
            await self.master.startService()
            await coroutine(self)

    result = plain.TestResult()
    Case().run(result)
    # Warnings count as errors there, but not here.
    found = [text for _, text in result.errors + result.failures]
    ours = [text for text in found if "DeprecationWarning: " not in text]
    if ours:
        raise SystemExit("\n".join(ours))
