"""Every module and name of reporters, web, secrets, statistics, database, data and util exists."""

import importlib
import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

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
    "buildbot.data.resultspec",
]

# The workings of the master: what they take from elsewhere is found there.
INSIDE = (
    "buildbot.data.",
    "buildbot.db.",
    "buildbot.mq.",
    "buildbot.wamp.",
    "buildbot.www.change_hook",
    "buildbot.www.config",
    "buildbot.www.encoding",
    "buildbot.www.rest",
    "buildbot.www.service",
    "buildbot.www.sse",
    "buildbot.www.ws",
    "buildbot.util.git",
    "buildbot.util.raml",
    "buildbot.util.sautils",
    "buildbot.util.kubeclientservice",
    "buildbot.util.service",
)

# Parts of how 4.3.0 does things: SQL, Twisted's processes, counting in a cache.
LEFT_OUT = {
    "buildbot.data.resultspec.FieldBase.plural_operators_sql",
    "buildbot.data.resultspec.FieldBase.singular_operators_sql",
    "buildbot.data.resultspec.Filter.plural_operators_sql",
    "buildbot.data.resultspec.Filter.singular_operators_sql",
    "buildbot.data.resultspec.Property.plural_operators_sql",
    "buildbot.data.resultspec.Property.singular_operators_sql",
    "buildbot.reporters.gerrit.GerritStatusPush.LocalPP",
    "buildbot.reporters.gerrit.GerritStatusPush.VersionPP",
    "buildbot.util.lru.AsyncLRUCache.refcount",
    "buildbot.util.lru.LRUCache.refcount",
    "buildbot.www.oauth2.GitHubAuth.getUserTeamsGraphqlTpl",
}


@real_buildbot.needs_it
class Names(unittest.TestCase):
    maxDiff = None

    def test_every_name_of_the_installed_buildbot_can_be_imported(self):
        # As the host does before it executes anything.
        from buildbot._host import standin

        standin.install()
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
                except ModuleNotFoundError as error:
                    if "install it: pip install" not in str(error):
                        missing.append(f"{module_name}.{name}: {error}")
                except AttributeError:
                    missing.append(f"{module_name}.{name}")
        self.assertEqual(missing, [])

    def test_what_modules_take_from_elsewhere_is_found_in_them(self):
        taken = real_buildbot.run("list_taken_names.py", None, ours=False)
        question = {
            "modules": {name: " ".join(names) for name, names in taken.items()},
            "plugins": {},
        }
        ours = real_buildbot.run("look_at_names.py", question, ours=True)
        missing = [key for key, found in ours.items() if found["is"] != "there"]
        self.assertGreater(len(ours), 700)
        self.assertEqual(missing, [])

    def test_methods_have_the_parameters_of_the_installed_buildbot(self):
        classes = [
            [module_name, name]
            for module_name, names in real_buildbot.run(
                "list_public_names.py", PACKAGES, ours=False
            ).items()
            if not isinstance(names, str) and not module_name.startswith(INSIDE)
            for name in names[0]
        ]
        real = real_buildbot.run("look_at_methods.py", classes, ours=False)
        ours = real_buildbot.run("look_at_methods.py", classes, ours=True)
        found = []
        for key, methods in real.items():
            given = ours.get(key)
            if given is None:
                found.append(f"{key}: is not there")
                continue
            for name, parameters in methods.items():
                if f"{key}.{name}" in LEFT_OUT:
                    continue
                if given.get(name) != parameters and parameters != "attribute":
                    found.append(f"{key}.{name}: {given.get(name)}, not {parameters}")
                elif name not in given:
                    found.append(f"{key}.{name}: is not there")
        self.assertGreater(len(real), 150)
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
