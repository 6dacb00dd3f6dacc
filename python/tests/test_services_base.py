"""Services: what they remember, and what classes of users rely on."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.describe import Describer
from buildbot.util import service


def described(value):
    """The description of an object, without its place."""
    describer = Describer()
    number = describer.value(value)["n"]
    found = dict(describer.objects[number])
    found.pop("at", None)
    return found


class Remembering(unittest.TestCase):
    def test_the_name_is_part_of_what_was_given(self):
        made = service.BuildbotService(name="one")
        self.assertEqual(made._given, {"name": "one"})
        self.assertEqual(made.name, "one")

    def test_a_name_of_bytes_becomes_text(self):
        self.assertEqual(service.BuildbotService(name=b"one").name, "one")

    def test_a_service_needs_a_name(self):
        with self.assertRaisesRegex(ValueError, "must pass a name to constructor"):
            service.BuildbotService()

    def test_what_a_user_passes_on_is_given_and_what_they_wrote_is_made(self):
        class Mine(service.BuildbotService):
            def checkConfig(self, interval, **kwargs):
                super().checkConfig(seconds=interval, **kwargs)

        made = Mine(5, name="mine", more=True)
        self.assertEqual(made._given, {"seconds": 5, "more": True, "name": "mine"})
        self.assertEqual(made._made, ((5,), {"name": "mine", "more": True}))

    def test_a_check_that_does_not_call_ours_gives_the_name_alone(self):
        class Mine(service.BuildbotService):
            name = "mine"

            def checkConfig(self, interval):
                self.interval = interval

        self.assertEqual(Mine(5)._given, {"name": "mine"})

    def test_arguments_are_told_by_getConfigDict(self):
        made = service.BuildbotService(1, name="one", two=2)
        self.assertEqual(
            made.getConfigDict(),
            {
                "name": "one",
                "class": "buildbot.util.service.BuildbotService",
                "args": (1,),
                "kwargs": {"two": 2},
            },
        )

    def test_services_with_the_same_arguments_are_equal(self):
        one = service.BuildbotService(name="one", a=1)
        self.assertEqual(one, service.BuildbotService(name="one", a=1))
        self.assertNotEqual(one, service.BuildbotService(name="one", a=2))
        self.assertTrue(one.canReconfigWithSibling(service.BuildbotService(name="two")))


class Importing(unittest.TestCase):
    HEAVY = ("asyncio", "dataclasses", "inspect", "json", "logging", "socket", "twisted", "typing")

    def test_what_most_configurations_name_imports_nothing_heavy(self):
        import os
        import subprocess
        import sys

        names = (
            "schedulers.basic schedulers.timed schedulers.forcesched schedulers.triggerable "
            "changes.filter changes.gitpoller changes.pb worker worker.local"
        )
        code = "import sys; before = set(sys.modules)\n"
        code += "".join(f"import buildbot.{name}\n" for name in names.split())
        code += "print(*(set(sys.modules) - before))"
        tests = os.path.dirname(os.path.abspath(__file__))
        loaded = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": os.path.dirname(tests), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.split()
        self.assertEqual([name for name in self.HEAVY if name in loaded], [])


class ClassesOfUsers(unittest.TestCase):
    def test_overridden_hooks_are_described_with_a_handle(self):
        class Mine(service.ClusteredBuildbotService):
            def activate(self):
                return super().activate()

            def helper(self):
                return None

        found = described(Mine(name="mine"))
        self.assertEqual(found["c"], "buildbot.util.service.ClusteredBuildbotService")
        self.assertEqual(found["over"], ["activate"])
        self.assertEqual(found["h"], 1)

    def test_reconfigService_is_called_with_the_arguments_when_it_is_configured(self):
        class Mine(service.BuildbotService):
            def checkConfig(self, number):
                self.checked = number

            def reconfigService(self, number):
                self.number = number
                return super().reconfigService()

        made = Mine(7, name="mine")
        self.assertFalse(hasattr(made, "number"))
        done = []
        made.configureService().addCallback(done.append)
        self.assertEqual((made.number, made.configured, done), (7, True, [None]))

    def test_children_start_with_their_parent_and_know_its_master(self):
        class Root(service.MasterService):
            pass

        class Child(service.AsyncService):
            name = "child"

        root, child = Root(), Child()
        child.setServiceParent(root)
        self.assertIs(child.master, root)
        root.startService()
        self.assertEqual(child.running, 1)
        self.assertIs(root.getServiceNamed("child"), child)
        with self.assertRaisesRegex(RuntimeError, "two services with same name 'child'"):
            Child().setServiceParent(root)
        root.stopService()
        self.assertEqual(child.running, 0)
        child.disownServiceParent()
        self.assertIsNone(child.master)
        self.assertEqual(list(root), [])

    def test_a_service_without_parent_has_the_master_that_the_host_gave(self):
        made = service.BuildbotService(name="one")
        self.assertIsNone(made.master)
        made._master = "the master"
        self.assertEqual(made.master, "the master")

    def test_a_shared_service_is_made_once_for_the_same_arguments(self):
        class Shared(service.SharedService):
            def __init__(self, *args, **kwargs):
                self.args = args

        root = service.MasterService()
        found = []
        Shared.getService(root, 1).addCallback(found.append)
        Shared.getService(root, 1).addCallback(found.append)
        Shared.getService(root, 2).addCallback(found.append)
        self.assertIs(found[0], found[1])
        self.assertIsNot(found[0], found[2])
        self.assertEqual(found[2].args, (2,))

    def test_the_name_of_a_shared_service_is_that_of_4_3_0(self):
        self.assertEqual(
            service.SharedService.getName(1, a=2),
            "SharedService_2a68de09b5b0087d43654e9657dcf6a87408b349",
        )

    def test_values_that_are_no_secrets_render_to_themselves(self):
        made = service.BuildbotService(name="one")
        found = []
        made.renderSecrets("a").addCallback(found.append)
        made.renderSecrets("a", 1).addCallback(found.append)
        self.assertEqual(found, ["a", ["a", 1]])

    def test_what_the_master_does_says_so_when_it_is_called_too_early(self):
        from buildbot.worker import Worker

        with self.assertRaisesRegex(
            NotImplementedError, r"AbstractWorker\.canStartBuild is carried out by the master"
        ):
            Worker("w", "p").canStartBuild()


if __name__ == "__main__":
    unittest.main()
