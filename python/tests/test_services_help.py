"""A keyword that nobody knows is answered with those that the class takes."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.hints import wrong_name
from buildbot.changes.gitpoller import GitPoller
from buildbot.config.builder import BuilderConfig
from buildbot.schedulers.basic import SingleBranchScheduler
from buildbot.schedulers.timed import Nightly
from buildbot.worker import Worker


class Help(unittest.TestCase):
    def known(self, make):
        try:
            make()
        except TypeError as error:
            hint = wrong_name(error)
            return None if hint is None else hint["known"]
        self.fail("there was no error")

    def test_keywords_of_all_base_classes_are_known(self):
        self.assertIn("minute", self.known(lambda: Nightly(name="n", builderNames=["a"], minut=3)))
        self.assertIn("treeStableTimer", self.known(lambda: SingleBranchScheduler(name="s", builderNames=["a"], treeStableTime=3)))
        self.assertIn("pollInterval", self.known(lambda: GitPoller("u", pollinterval=3)))

    def test_keywords_of_a_class_of_the_users_are_known(self):
        class Mine(Worker):
            def checkConfig(self, name, password, flavour=None, **kwargs):
                super().checkConfig(name, password, **kwargs)

        self.assertIn("flavour", self.known(lambda: Mine("w", "p", flavor=3)))

    def test_nothing_is_said_of_other_errors(self):
        self.assertIsNone(self.known(lambda: Worker("w")))
        self.assertIsNone(self.known(lambda: len(a=3)))

    @unittest.skipIf(sys.version_info < (3, 10), "Python does not name the class before 3.10")
    def test_a_constructor_that_was_not_reached_is_found_by_its_name(self):
        self.assertIn("factory", self.known(lambda: BuilderConfig(name="b", workername="w", factry=None)))


if __name__ == "__main__":
    unittest.main()
