"""A keyword that nobody knows is answered with the one that was probably meant."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.suggest import keyword_help
from buildbot.changes.gitpoller import GitPoller
from buildbot.config.builder import BuilderConfig
from buildbot.schedulers.basic import SingleBranchScheduler
from buildbot.schedulers.timed import Nightly
from buildbot.worker import Worker


class Help(unittest.TestCase):
    def help(self, make):
        try:
            make()
        except TypeError as error:
            return keyword_help(error)
        self.fail("there was no error")

    def test_keywords_of_all_base_classes_are_known(self):
        self.assertEqual(
            self.help(lambda: Nightly(name="n", builderNames=["a"], minut=3)),
            "did you mean 'minute'?",
        )
        self.assertEqual(
            self.help(
                lambda: SingleBranchScheduler(name="s", builderNames=["a"], treeStableTime=3)
            ),
            "did you mean 'treeStableTimer'?",
        )
        self.assertEqual(
            self.help(lambda: GitPoller("u", pollinterval=3)), "did you mean 'pollInterval'?"
        )

    def test_keywords_of_a_class_of_the_users_are_known(self):
        class Mine(Worker):
            def checkConfig(self, name, password, flavour=None, **kwargs):
                super().checkConfig(name, password, **kwargs)

        self.assertEqual(
            self.help(lambda: Mine("w", "p", flavor=3)), "did you mean 'flavour'?"
        )

    def test_nothing_is_said_when_nothing_is_near(self):
        self.assertIsNone(self.help(lambda: Worker("w", "p", zzz=3)))
        self.assertIsNone(self.help(lambda: Worker("w")))
        self.assertIsNone(self.help(lambda: len(a=3)))

    @unittest.skipIf(sys.version_info < (3, 10), "Python does not name the class before 3.10")
    def test_a_constructor_that_was_not_reached_is_found_by_its_name(self):
        self.assertEqual(
            self.help(lambda: BuilderConfig(name="b", workername="w", factry=None)),
            "did you mean 'factory'?",
        )


if __name__ == "__main__":
    unittest.main()
