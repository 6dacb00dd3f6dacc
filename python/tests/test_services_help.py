"""A keyword that nobody knows is answered with those that the class takes."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.hints import wrong_name
from buildbot.changes.gitpoller import GitPoller
from buildbot.config.builder import BuilderConfig
from buildbot.config.errors import capture_config_errors
from buildbot.plugins import steps
from buildbot.schedulers.basic import SingleBranchScheduler
from buildbot.schedulers.timed import Nightly
from buildbot.worker import Worker


class StepHelp(unittest.TestCase):
    """Steps report keywords that nobody knows as problems of the configuration."""

    def reported(self, make):
        with capture_config_errors() as errors:
            make()
        return [(error.names, error.known) for error in errors.errors if hasattr(error, "known")]

    def test_every_message_about_a_keyword_of_a_shell_command_has_the_known_ones(self):
        reported = self.reported(lambda: steps.ShellCommand(command="a", haltOnFailur=True, workdi="b"))
        self.assertEqual(
            [names for names, _known in reported],
            [["haltOnFailur", "workdi"], ["haltOnFailur"], ["workdi"]],
        )
        for _names, known in reported:
            self.assertIn("haltOnFailure", known)
            self.assertIn("workdir", known)
            self.assertIn("command", known)

    def test_keywords_of_all_base_classes_are_known(self):
        ((names, known),) = self.reported(lambda: steps.Git(repourl="u", mod="full"))
        self.assertEqual(names, ["mod"])
        for expected in ("mode", "alwaysUseLatest", "doStepIf"):
            self.assertIn(expected, known)
        self.assertNotIn("self", known)
        self.assertNotIn("kwargs", known)

    def test_keywords_of_a_step_of_the_users_are_known(self):
        class Mine(steps.ShellCommand):
            def __init__(self, flavour=None, **kwargs):
                super().__init__(**kwargs)

        ((names, known),) = self.reported(lambda: Mine(command="a", flavor=3))
        self.assertEqual(names, ["flavor"])
        self.assertIn("flavour", known)
        self.assertIn("command", known)


class ImportHelp(unittest.TestCase):
    def known(self, text):
        try:
            exec(text, {})
        except ImportError as error:
            hint = wrong_name(error)
            return None if hint is None else (hint["name"], hint["known"])
        self.fail("there was no error")

    def test_names_of_the_module_are_known(self):
        name, known = self.known("from buildbot.steps.shell import ShelCommand")
        self.assertEqual(name, "ShelCommand")
        self.assertIn("ShellCommand", known)
        name, known = self.known("from buildbot.plugins import step")
        self.assertIn("steps", known)

    def test_modules_of_the_package_are_known(self):
        name, known = self.known("import buildbot.steps.shel")
        self.assertEqual(name, "shel")
        self.assertIn("shell", known)

    def test_nothing_is_said_of_packages_that_are_not_there(self):
        self.assertIsNone(self.known("import no_such_package"))
        self.assertIsNone(self.known("import no_such_package.inside"))


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
