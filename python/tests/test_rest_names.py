"""Every module and name of reporters, web, secrets, statistics, database, data and util exists."""

import importlib
import unittest

import real_buildbot

PACKAGES = [
    "buildbot.reporters",
    "buildbot.www",
    "buildbot.secrets",
    "buildbot.statistics",
    "buildbot.db",
    "buildbot.data",
    "buildbot.mq",
    "buildbot.wamp",
    "buildbot.util",
    "buildbot.pbutil",
]

# The workings of the master: what they take from elsewhere is found there.
INSIDE = (
    "buildbot.data.",
    "buildbot.db.",
    "buildbot.mq.",
    "buildbot.wamp.",
    "buildbot.www.change_hook",
    "buildbot.www.config",
    "buildbot.www.rest",
    "buildbot.www.service",
    "buildbot.www.sse",
    "buildbot.www.ws",
    "buildbot.util.git",
    "buildbot.util.kubeclientservice",
    "buildbot.util.service",
)


@real_buildbot.needs_it
class Names(unittest.TestCase):
    maxDiff = None

    def test_every_name_of_the_installed_buildbot_can_be_imported(self):
        missing = []
        for module_name, names in real_buildbot.run(
            "list_public_names.py", PACKAGES, ours=False
        ).items():
            if isinstance(names, str):
                continue  # the installed one lacks a library
            try:
                module = importlib.import_module(module_name)
            except ImportError as error:
                missing.append(f"{module_name}: {error}")
                continue
            own, taken = names
            wanted = own if module_name.startswith(INSIDE) else own + taken
            for name in wanted:
                try:
                    getattr(module, name)
                except AttributeError:
                    missing.append(f"{module_name}.{name}")
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
