"""Steps are templates: what they keep, what is described of them, what they refuse."""

import json
import os
import subprocess
import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.describe import Describer
from buildbot.config.errors import ConfigErrors, capture_config_errors
from buildbot.process import buildstep
from buildbot.process.properties import Interpolate, Property
from buildbot.steps.shell import Compile, ShellCommand
from buildbot.steps.shellsequence import ShellArg, ShellSequence
from buildbot.steps.source.git import Git


def described(step):
    describer = Describer()
    describer.value(step)
    return describer.objects[0]


def arguments(step):
    return described(step)["a"]


def pieces(*path):
    with open(os.path.join(real_buildbot.TESTS, *path), encoding="utf-8") as file:
        return [case for case in json.load(file) if isinstance(case, str)]


@real_buildbot.needs_it
class BesideTheInstalledBuildbot(unittest.TestCase):
    """Pieces of Python have the same value with our package as with the installed one."""

    maxDiff = None

    def check(self, codes):
        question = [{"name": str(n), "code": code} for n, code in enumerate(codes)]
        ours = real_buildbot.run("evaluate_calls.py", question, ours=True)
        real = real_buildbot.run("evaluate_calls.py", question, ours=False)
        found = []
        for number, code in enumerate(codes):
            mine = ours[str(number)]["captured"]
            theirs = real[str(number)]["captured"]
            if mine != theirs:
                found.append(f"{code}\n    ours {mine}\n    real {theirs}")
        if found:
            self.fail(f"{len(found)} differences:\n  " + "\n  ".join(found))

    def test_steps_have_the_same_attributes(self):
        self.check(pieces("wrong_calls", "steps.json"))

    def test_what_steps_compute_in_python_is_the_same(self):
        self.check(pieces("steps_calls.json"))


class Templates(unittest.TestCase):
    def test_a_template_refuses_changes(self):
        step = ShellCommand(command="x")
        with self.assertRaises(ConfigErrors) as raised:
            step.command = "y"
        self.assertIn("Use set_step_arg(name, value) for that", str(raised.exception))

    def test_while_problems_are_collected_the_change_is_made_all_the_same(self):
        step = ShellCommand(command="x")
        with capture_config_errors() as errors:
            step.command = "y"
        self.assertEqual((step.command, len(errors.errors)), ("y", 1))

    def test_set_step_arg_changes_what_is_described(self):
        step = Git(repourl="u")
        step.set_step_arg("branch", "dev")
        self.assertEqual(arguments(step), {"repourl": "u", "branch": "dev"})

    def test_set_step_arg_reaches_a_factory_that_has_the_step_already(self):
        from buildbot.process.factory import BuildFactory

        step = ShellCommand(command="x")
        factory = BuildFactory([step])
        step.set_step_arg("command", "y")
        describer = Describer()
        describer.value(factory)
        self.assertEqual(describer.objects[1]["a"], {"command": "y"})

    def test_set_step_arg_checks_the_argument(self):
        with self.assertRaises(ConfigErrors):
            ShellCommand(command="x").set_step_arg("nonsense", 1)

    def test_each_build_gets_a_step_of_its_own_that_can_be_changed(self):
        class Mine(ShellCommand):
            pass

        template = Mine(command="x")
        one = buildstep.create_step_from_step_or_factory(template)
        two = buildstep.create_step_from_step_or_factory(template)
        one.command = "y"
        self.assertIs(type(one), Mine)
        self.assertEqual(two.command, "x")

    def test_templates_are_equal_when_class_and_arguments_are(self):
        self.assertEqual(ShellCommand(command="x"), ShellCommand(command="x"))
        self.assertNotEqual(ShellCommand(command="x"), ShellCommand(command="y"))
        self.assertNotEqual(Compile(command="x"), ShellCommand(command="x"))

    def test_a_copy_of_a_factory_has_steps_of_its_own(self):
        import copy

        from buildbot.process.factory import BuildFactory

        step = ShellCommand(command=["x"])
        factory = BuildFactory([step])
        other = copy.deepcopy(factory)
        step.set_step_arg("timeout", 5)
        other.addStep(ShellCommand(command=["y"]))
        describer = Describer()
        describer.value(other)
        self.assertEqual(describer.objects[1]["c"], "buildbot.steps.shell.ShellCommand")
        self.assertEqual(describer.objects[1]["a"], {"command": ["x"]})
        self.assertEqual(describer.objects[2]["a"], {"command": ["y"]})
        self.assertIs(type(other.steps[0].buildStep()), ShellCommand)

    def test_what_makes_no_step_is_refused(self):
        with self.assertRaises(TypeError):
            buildstep.get_factory_from_step_or_factory(3)

    def test_a_class_with_abstract_methods_can_be_a_step(self):
        import abc

        class Mine(buildstep.BuildStep, abc.ABC):
            def run(self):
                return 0

        self.assertTrue(Mine().is_exact_step_class(Mine))


class Descriptions(unittest.TestCase):
    def test_arguments_are_described_as_given(self):
        self.assertEqual(
            described(ShellCommand(command=["a"], timeout=3))["a"],
            {"command": ["a"], "timeout": 3},
        )

    def test_a_class_with_other_class_attributes_needs_no_python(self):
        class Mine(Compile):
            command = ["gmake"]

        found = described(Mine())
        self.assertEqual(found["c"], "buildbot.steps.shell.Compile")
        self.assertEqual(found["attrs"], {"command": ["gmake"]})
        self.assertNotIn("h", found)

    def test_overridden_methods_are_named(self):
        class Mine(Compile):
            def getResultSummary(self):
                return {"step": "x"}

        found = described(Mine())
        self.assertEqual(found["over"], ["getResultSummary"])
        self.assertIn("h", found)

    def test_a_custom_step_with_mixins_is_a_build_step(self):
        class Base(buildstep.BuildStep):
            def interrupt(self, reason):
                return None

        class Mine(buildstep.ShellMixin, Base):
            def run(self):
                return 0

        found = described(Mine())
        self.assertEqual(found["c"], "buildbot.process.buildstep.BuildStep")
        self.assertEqual(found["over"], ["getResultSummary", "interrupt", "run"])

    def test_what_a_constructor_assigns_afterwards_counts_as_given(self):
        class Mine(ShellCommand):
            def __init__(self, target, **kwargs):
                super().__init__(**kwargs)
                self.command = ["make", target]
                self.workdir = "w"
                self.mine = target

        self.assertEqual(
            arguments(Mine("t", haltOnFailure=True)),
            {"haltOnFailure": True, "command": ["make", "t"], "workdir": "w"},
        )

    def test_what_a_constructor_assigns_before_counts_as_given(self):
        class Mine(ShellCommand):
            def __init__(self, target, **kwargs):
                self.command = ["make", Property(target)]
                super().__init__(**kwargs)

        command = arguments(Mine("t"))["command"]
        self.assertEqual(command[1]["key"], "t")

    def test_logs_that_a_constructor_observes_are_named(self):
        from buildbot.process.logobserver import BufferLogObserver

        class Mine(ShellCommand):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.addLogObserver("stdio", BufferLogObserver())

        self.assertEqual(described(Mine(command="x"))["observes"], ["stdio"])
        self.assertNotIn("observes", described(Compile()))

    def test_commands_of_a_sequence_are_objects(self):
        step = ShellSequence([ShellArg(command="a", haltOnFailure=True)])
        describer = Describer()
        describer.value(step)
        self.assertEqual(describer.objects[1]["c"], "buildbot.steps.shellsequence.ShellArg")
        self.assertEqual(describer.objects[1]["a"], {"command": "a", "haltOnFailure": True})

    def test_a_name_may_be_renderable_and_long_once_it_is_rendered(self):
        step = ShellCommand(command="x", name=Interpolate("%(prop:" + "a" * 60 + ")s"))
        self.assertEqual(arguments(step)["name"]["$"], "Interpolate")


class Imports(unittest.TestCase):
    def test_no_module_of_steps_imports_twisted_or_zope(self):
        code = """
import importlib, pkgutil, sys
import buildbot.steps
for found in pkgutil.walk_packages(buildbot.steps.__path__, "buildbot.steps."):
    importlib.import_module(found.name)
for name in ("build", "builder", "buildrequest", "buildstep", "log", "logobserver",
             "remotecommand", "remotetransfer", "workerforbuilder", "botmaster", "metrics",
             "users.users", "users.manual", "cache", "debug", "locks", "base",
             "buildrequestdistributor", "subunitlogobserver"):
    importlib.import_module("buildbot.process." + name)
print([n for n in ("twisted", "zope", "yaml", "asyncio") if n in sys.modules])
"""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=dict(os.environ, PYTHONPATH=real_buildbot.PYTHON),
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(done.stdout.strip(), "[]")

    def test_names_of_other_modules_are_found_where_configurations_look(self):
        self.assertIs(
            buildstep.remotecommand,
            __import__("buildbot.process.remotecommand").process.remotecommand,
        )
        from buildbot.steps import shell

        self.assertTrue(callable(shell.join_list))
        with self.assertRaises(AttributeError):
            shell.nonsense


if __name__ == "__main__":
    unittest.main()
