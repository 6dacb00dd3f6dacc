"""A configuration file is executed as Buildbot 4.3.0 does, and described."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import child


def describe(text, name="master.cfg", files=(), environment=None):
    """The description of a configuration, made by ``host.py --describe``, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        for other, content in dict(files, **{name: text}).items():
            with open(os.path.join(folder, other), "w", encoding="utf-8") as file:
                file.write(content)
        done = subprocess.run(
            [sys.executable, child.HOST, "--describe", os.path.join(folder, name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            check=False,
        )
    start = done.stdout.index('{\n "version"')
    described = json.loads(done.stdout[start:].replace(folder, "DIR"))
    return described, done.stdout[:start]


class ByteCode(unittest.TestCase):
    def test_that_of_our_package_is_kept_and_that_of_the_users_modules_is_as_the_user_wants(self):
        with tempfile.TemporaryDirectory() as folder:
            package = os.path.join(folder, "package")
            shutil.copytree(
                os.path.dirname(child.HOST),
                package,
                ignore=shutil.ignore_patterns("__pycache__", "tests"),
            )
            for name, text in {
                "master.cfg": "import mine\nfrom buildbot.steps.shell import Test\nBuildmasterConfig = {}",
                "mine.py": "",
            }.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run(
                [sys.executable, os.path.join(package, "host.py"), "--describe", "master.cfg"],
                cwd=folder,
                stdout=subprocess.PIPE,
                text=True,
                env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
                check=True,
            )
            self.assertIn('"fatal": null', done.stdout)
            self.assertTrue(os.listdir(os.path.join(package, "buildbot", "steps", "__pycache__")))
            self.assertFalse(os.path.exists(os.path.join(folder, "__pycache__")))


class Execution(unittest.TestCase):
    def fatal(self, text):
        described, _ = describe(text)
        self.assertEqual(described["config"], {})
        return described["fatal"]

    def test_the_namespace_is_that_of_a_file_without_a_name(self):
        described, printed = describe(
            "print(sorted(k for k in globals() if k != '__builtins__'), __name__)\n"
            "import os, sys\n"
            "print(os.path.isabs(__file__), basedir == os.path.dirname(__file__))\n"
            "print(sys.path[-1] == basedir, sys.path.count(basedir))\n"
            "BuildmasterConfig = {}\n"
        )
        self.assertIsNone(described["fatal"])
        self.assertEqual(
            printed.splitlines(),
            ["['__file__', 'basedir'] builtins", "True True", "True 1"],
        )

    def test_modules_beside_the_file_can_be_imported(self):
        described, _ = describe(
            "import helper\nBuildmasterConfig = {'title': helper.title}\n",
            files={"helper.py": "title = 'from the helper'\n"},
        )
        self.assertEqual(described["config"], {"title": "from the helper"})

    def test_modules_of_the_host_do_not_get_in_the_way(self):
        described, _ = describe(
            "import host, child\nBuildmasterConfig = {'title': host.title + child.title}\n",
            files={"host.py": "title = 'h'\n", "child.py": "title = 'c'\n"},
        )
        self.assertEqual(described["config"], {"title": "hc"})

    def test_our_package_is_imported_whatever_stands_beside_the_file(self):
        described, _ = describe(
            "import buildbot\nBuildmasterConfig = {'title': buildbot.version}\n",
            files={"buildbot.py": "raise ImportError('the wrong one')\n"},
        )
        self.assertEqual(described["config"], {"title": "4.3.0"})

    def test_the_version_of_the_distribution_is_ours(self):
        described, _ = describe(
            "from importlib import metadata\n"
            "names = [d.metadata['Name'].lower() for d in metadata.distributions()]\n"
            "BuildmasterConfig = {'title': [metadata.version('buildbot'),\n"
            "    len(metadata.distribution('buildbot').entry_points), names[0]]}\n"
        )
        self.assertEqual(described["config"]["title"], ["4.3.0", 0, "buildbot"])

    def test_an_exception(self):
        fatal = self.fatal("x = 1\n{}['key']\n")
        self.assertEqual(fatal["kind"], "exception")
        self.assertEqual(
            fatal["message"], "error while parsing config file: 'key' (traceback in logfile)"
        )
        self.assertEqual(fatal["at"], [0, 2])
        self.assertIn("master.cfg", fatal["traceback"])

    def test_an_exception_is_placed_in_the_users_code(self):
        described, _ = describe(
            "import helper\nhelper.work()\n",
            files={"helper.py": "import json\n\ndef work():\n    json.loads('{')\n"},
        )
        number, line = described["fatal"]["at"]
        self.assertEqual((described["files"][number], line), ("DIR/helper.py", 4))

    def test_a_syntax_error(self):
        fatal = self.fatal("x = 1\nif:\n")
        self.assertEqual((fatal["kind"], fatal["at"]), ("syntax", [0, 2]))
        self.assertTrue(
            fatal["message"].startswith(
                "encountered a SyntaxError while parsing config file:\nTraceback"
            ),
            fatal["message"],
        )
        self.assertTrue(fatal["message"].endswith("SyntaxError: invalid syntax\n "))

    def test_sys_exit_is_no_success(self):
        fatal = self.fatal("import sys\nsys.exit(0)\n")
        self.assertEqual((fatal["kind"], fatal["at"]), ("exit", [0, 2]))

    def test_no_config(self):
        fatal = self.fatal("c = {}\n")
        self.assertEqual(fatal["kind"], "no_config")
        self.assertEqual(
            fatal["message"],
            "Configuration file 'DIR/master.cfg' does not define 'BuildmasterConfig'",
        )

    def test_a_config_that_is_no_dictionary(self):
        self.assertEqual(self.fatal("BuildmasterConfig = [1]\n")["kind"], "not_a_dict")

    def test_a_missing_file_and_a_missing_folder(self):
        with child.Child() as host:
            missing = host.ask("load", basedir=host.folder.name, file="nothing.cfg")["ok"]
            gone = os.path.join(host.folder.name, "gone")
            nowhere = host.ask("load", basedir=gone, file="master.cfg")["ok"]
        self.assertEqual(missing["fatal"]["kind"], "missing")
        self.assertTrue(missing["fatal"]["message"].endswith("nothing.cfg' does not exist"))
        self.assertEqual(nowhere["fatal"]["message"], f"basedir '{gone}' does not exist")

    def test_errors_of_constructors_are_collected_with_their_places(self):
        described, _ = describe(
            "from buildbot.plugins import util\n"
            "util.BuilderConfig(name='x',\n"
            "                   workername='w')\n"
            "util.Interpolate('%(prop:a b)s')\n"
            "BuildmasterConfig = {}\n"
        )
        self.assertEqual(
            [(error["message"], error["at"]) for error in described["errors"]],
            [
                ("builder 'x': has no factory", [0, 2]),
                (
                    "Property name must be alphanumeric for prop Interpolation 'a b'",
                    [0, 4],
                ),
            ],
        )

    def test_config_errors_that_the_file_raises_are_merged(self):
        described, _ = describe(
            "from buildbot.config import ConfigErrors, error\n"
            "error('first')\n"
            "raise ConfigErrors(['second', 'third'])\n"
        )
        messages = [error["message"] for error in described["errors"]]
        self.assertEqual(messages, ["first", "second", "third"])
        self.assertEqual(described["fatal"]["kind"], "config_errors")

    def test_warnings_are_described_with_the_users_place(self):
        described, _ = describe(
            "import warnings\n"
            "from buildbot.warnings import ConfigWarning, warn_deprecated\n"
            "warnings.warn('odd', ConfigWarning)\n"
            "warn_deprecated('4.3.0', 'old')\n"
            "BuildmasterConfig = {}\n"
        )
        self.assertEqual(
            described["warnings"],
            [
                {"category": "ConfigWarning", "message": "odd", "at": [0, 3]},
                {
                    "category": "DeprecatedApiWarning",
                    "message": "[4.3.0 and later] old",
                    "at": [0, 4],
                },
            ],
        )

    def test_keys_that_are_no_strings_are_errors(self):
        described, _ = describe("BuildmasterConfig = {3: 4}\n")
        self.assertEqual(described["errors"][0]["message"], "Unknown BuildmasterConfig key 3")

    def test_dictionaries_among_the_builders_become_builders(self):
        described, _ = describe(
            "from buildbot.plugins import util\n"
            "BuildmasterConfig = {'builders': [\n"
            "    {'name': 'a', 'workernames': ['w'], 'factory': util.BuildFactory()}]}\n"
        )
        builder = described["objects"][0]
        self.assertEqual(builder["c"], "buildbot.config.builder.BuilderConfig")
        self.assertEqual(builder["a"]["builddir"], "a")

    def test_configurators_change_the_settings(self):
        described, _ = describe(
            "from zope.interface import implementer\n"
            "from buildbot.interfaces import IConfigurator\n"
            "@implementer(IConfigurator)\n"
            "class Mine:\n"
            "    def configure(self, config): config['title'] = 'changed'\n"
            "BuildmasterConfig = {'configurators': [Mine()]}\n"
        )
        self.assertEqual(described["config"]["title"], "changed")
        self.assertEqual(described["keys"], ["configurators"])

    def test_what_is_no_configurator_is_refused(self):
        fatal = self.fatal("BuildmasterConfig = {'configurators': [3]}\n")
        self.assertIn("Could not adapt", fatal["message"])


class Descriptions(unittest.TestCase):
    def test_users_classes_tell_what_they_change(self):
        described, _ = describe(
            "from buildbot.process.factory import BuildFactory\n"
            "class Mine(BuildFactory):\n"
            "    workdir = 'elsewhere'\n"
            "    own = 3\n"
            "    def newBuild(self, requests, builder): pass\n"
            "BuildmasterConfig = {'title': Mine()}\n"
        )
        made = described["objects"][0]
        self.assertEqual(made["u"], "builtins.Mine")
        self.assertEqual(made["over"], ["newBuild"])
        self.assertEqual(made["attrs"], {"workdir": "elsewhere"})
        self.assertEqual(made["a"]["workdir"], "elsewhere")
        self.assertEqual(made["h"], 1)

    def test_an_object_at_two_places_is_described_once(self):
        described, _ = describe(
            "from buildbot.plugins import util\n"
            "lock = util.MasterLock('a')\n"
            "BuildmasterConfig = {'title': lock, 'titleURL': [lock]}\n"
        )
        self.assertEqual(
            described["config"],
            {"title": {"$": "o", "n": 0}, "titleURL": [{"$": "o", "n": 0}]},
        )

    def test_declarations_need_no_handle(self):
        described, _ = describe(
            "import datetime, re\n"
            "from buildbot.plugins import util\n"
            "BuildmasterConfig = {'title': [\n"
            "    util.Property('x'), util.Interpolate('%(prop:x)s'), re.compile('x'),\n"
            "    datetime.timedelta(1), {1: (2,)}, util.Property('x') + 1, b'x']}\n"
        )
        self.assertEqual(described["handles"], 0)
        self.assertEqual(
            [value["$"] for value in described["config"]["title"]],
            ["Property", "Interpolate", "regex", "timedelta", "dict", "op", "bytes"],
        )

    def test_functions_tell_their_place_and_parameters(self):
        described, _ = describe(
            "import functools\n"
            "def three(a, b, c=1): pass\n"
            "def many(*args): pass\n"
            "class Thing:\n"
            "    def method(self, a): pass\n"
            "    def __call__(self, a, b): pass\n"
            "BuildmasterConfig = {'title': [three, many, Thing().method, Thing(),\n"
            "    functools.partial(three, 1), lambda: 1]}\n"
        )
        functions = described["config"]["title"]
        self.assertEqual([f["$"] for f in functions], ["fn"] * 6)
        self.assertEqual([f["params"] for f in functions], [3, None, 1, 2, 2, 0])
        self.assertEqual(
            [f["at"] for f in functions], [[0, 2], [0, 3], [0, 5], [0, 6], None, [0, 8]]
        )

    def test_functions_of_ours_are_named(self):
        described, _ = describe(
            "from buildbot.process.results import statusToString, worst_status\n"
            "BuildmasterConfig = {'title': statusToString}\n"
        )
        self.assertEqual(
            described["config"]["title"],
            {"$": "ref", "name": "buildbot.process.results.statusToString"},
        )

    def test_derived_renderables_are_computed_here(self):
        described, _ = describe(
            "from buildbot.plugins import util\n"
            "class Mine(util.Property):\n"
            "    def getRenderingFor(self, props): return 1\n"
            "BuildmasterConfig = {'title': Mine('x')}\n"
        )
        title = described["config"]["title"]
        self.assertEqual((title["$"], title["type"]), ("renderable", "builtins.Mine"))

    def test_what_cannot_work_is_listed(self):
        described, _ = describe(
            "from buildbot.plugins import util\n"
            "BuildmasterConfig = {'manhole': util.TelnetManhole(1, 'u', 'p')}\n"
        )
        self.assertEqual(
            described["unsupported"],
            [{"name": "buildbot.manhole.TelnetManhole", "at": [0, 2]}],
        )

    def test_a_repr_that_raises_does_not_matter(self):
        described, _ = describe(
            "class Odd:\n"
            "    def __repr__(self): raise ValueError\n"
            "BuildmasterConfig = {'title': Odd()}\n"
        )
        self.assertIn("repr raises ValueError", described["config"]["title"]["repr"])

    def test_a_list_that_holds_itself_is_an_error(self):
        described, _ = describe("x = []\nx.append(x)\nBuildmasterConfig = {'title': x}\n")
        self.assertIn("nested too deep", described["errors"][0]["message"])


class Plugins(unittest.TestCase):
    def test_star_import_binds_the_documented_names(self):
        described, _ = describe(
            "names = {}\n"
            "exec('from buildbot.plugins import *', names)\n"
            "names.pop('__builtins__')\n"
            "BuildmasterConfig = {'title': sorted(names)}\n"
        )
        self.assertEqual(
            described["config"]["title"],
            "changes reporters schedulers secrets statistics steps util webhooks worker".split(),
        )

    def with_distributions(self, code, distributions):
        with tempfile.TemporaryDirectory() as folder:
            for name, points in distributions.items():
                info = os.path.join(folder, f"{name}-1.0.dist-info")
                os.mkdir(info)
                with open(os.path.join(info, "entry_points.txt"), "w") as file:
                    file.write(points)
            with open(os.path.join(folder, "third.py"), "w") as file:
                file.write(
                    "from buildbot.process.factory import BuildFactory\n"
                    "class Mine(BuildFactory): pass\n"
                    "class NoStep: pass\n"
                )
            environment = dict(os.environ, PYTHONPATH=folder)
            return describe(code, environment=environment)[0]

    THIRD = {"third_party": "[buildbot.util]\nMine = third:Mine\nsub.Mine = third:Mine\n"}

    def test_entry_points_of_other_distributions_are_found(self):
        described = self.with_distributions(
            "from buildbot.plugins import util\n"
            "BuildmasterConfig = {'title': [util.Mine.__name__, util.sub.Mine.__name__,\n"
            "    'Mine' in util, 'Other' in util, util.info('Mine')[0]]}\n",
            self.THIRD,
        )
        self.assertEqual(
            described["config"]["title"], ["Mine", "Mine", True, False, "third_party"]
        )

    def test_entry_points_of_an_installed_buildbot_do_not_count(self):
        described = self.with_distributions(
            "from buildbot.plugins import util\nutil.Gone\n",
            {"buildbot": "[buildbot.util]\nGone = third:Mine\n"},
        )
        self.assertIn("Unknown component name: Gone", described["fatal"]["message"])

    def test_a_component_has_to_fit_its_namespace(self):
        described = self.with_distributions(
            "from buildbot.plugins import steps\nsteps.NoStep\n",
            {"third_party": "[buildbot.steps]\nNoStep = third:NoStep\n"},
        )
        self.assertIn("does not implement IBuildStep", described["fatal"]["message"])

    def test_of_two_distributions_with_the_same_name_the_first_counts(self):
        described = self.with_distributions(
            "from buildbot.plugins import util\nutil.Mine\nprint(util.Property('x'))\n",
            dict(
                self.THIRD,
                fourth_party="[buildbot.util]\nMine = third:Mine\nProperty = third:Mine\n",
            ),
        )
        self.assertNotIn("Duplicate entry point for", str(described["fatal"]))
        self.assertTrue(
            any("stays Buildbot's own" in found["message"] for found in described["warnings"]),
            described["warnings"],
        )

    def test_what_cannot_be_imported_is_an_error(self):
        described = self.with_distributions(
            "from buildbot.plugins import util\nutil.Mine\n",
            {"third_party": "[buildbot.util]\nMine = nowhere:Mine\n"},
        )
        self.assertIn(
            "Unable to load buildbot.util:Mine: No module named 'nowhere'",
            described["fatal"]["message"],
        )


if __name__ == "__main__":
    unittest.main()
