"""Schedulers: what is described of them, and what their Python side computes."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.describe import Describer
from buildbot.changes.filter import ChangeFilter
from buildbot.config.errors import ConfigErrors, capture_config_errors
from buildbot.schedulers import basic, timed, triggerable, trysched
from buildbot.schedulers import forcesched as force
from buildbot.schedulers.canceller import OldBuildCanceller
from buildbot.schedulers.dependent import Dependent
from buildbot.util.ssfilter import SourceStampFilter


class Description:
    """Describes one value; objects are looked up by following it."""

    def __init__(self, value):
        self.describer = Describer()
        self.value = self.describer.value(value)

    def object(self, reference):
        return self.describer.objects[reference["n"]]

    @property
    def top(self):
        return self.object(self.value)


class Describing(unittest.TestCase):
    def test_arguments_stand_by_name_and_defaults_are_absent(self):
        top = Description(
            basic.SingleBranchScheduler(
                name="all", builderNames=["a"], branch=None, treeStableTimer=60
            )
        ).top
        self.assertEqual(top["c"], "buildbot.schedulers.basic.SingleBranchScheduler")
        self.assertEqual(
            top["a"],
            {"builderNames": ["a"], "branch": None, "treeStableTimer": 60, "name": "all"},
        )

    def test_the_place_is_that_of_the_call(self):
        found = Description(timed.Periodic("p", ["a"], periodicBuildTimer=5))
        file, line = found.top["at"]
        self.assertEqual(found.describer.files[file], __file__)
        self.assertGreater(line, 30)

    def test_all_conditions_of_a_filter_are_described(self):
        import re

        chosen = ChangeFilter(
            project=["p"],
            branch_re=re.compile("rel/.*", re.I),
            property_eq={"kind": "x"},
            category_fn=len,
        )
        found = Description(
            basic.AnyBranchScheduler(name="s", builderNames=["a"], change_filter=chosen)
        )
        inner = found.object(found.top["a"]["change_filter"])
        self.assertEqual(inner["c"], "buildbot.changes.filter.ChangeFilter")
        self.assertEqual(inner["a"]["project"], ["p"])
        self.assertEqual(inner["a"]["branch_re"]["$"], "regex")
        self.assertEqual(inner["a"]["branch_re"]["pattern"], "rel/.*")
        self.assertEqual(inner["a"]["property_eq"], {"$": "dict", "v": [["kind", "x"]]})
        self.assertEqual(inner["a"]["category_fn"]["$"], "fn")

    def test_the_fields_of_a_nightly_stand_as_they_were_written(self):
        top = Description(
            timed.Nightly("n", ["a"], hour=[1, 13], dayOfWeek="mon-fri", force_at_hour=0)
        ).top
        self.assertEqual(top["c"], "buildbot.schedulers.timed.Nightly")
        self.assertEqual(top["a"]["hour"], [1, 13])
        self.assertEqual(top["a"]["dayOfWeek"], "mon-fri")
        self.assertEqual(top["a"]["force_at_hour"], 0)
        self.assertEqual(top["a"]["name"], "n")

    def test_a_dependent_points_at_its_upstream(self):
        upstream = basic.AnyBranchScheduler(name="up", builderNames=["a"])
        found = Description([upstream, Dependent("down", upstream, ["b"])])
        first, second = found.value
        self.assertEqual(found.object(second)["a"]["upstream"], first)

    def test_the_parameters_of_a_form_are_objects(self):
        form = force.ForceScheduler(
            "form",
            ["a"],
            codebases=["one", force.CodebaseParameter("two", branch="main")],
            properties=[
                force.ChoiceStringParameter("kind", choices=["a", "b"], default="a"),
                force.NestedParameter("more", [force.IntParameter("count", default=3)]),
            ],
        )
        found = Description(form)
        one, two = found.top["a"]["codebases"]
        self.assertEqual(one, "one")
        self.assertEqual(found.object(two)["a"], {"codebase": "two", "branch": "main"})
        choice, nested = map(found.object, found.top["a"]["properties"])
        self.assertEqual(choice["c"], "buildbot.schedulers.forcesched.ChoiceStringParameter")
        self.assertEqual(choice["a"], {"name": "kind", "choices": ["a", "b"], "default": "a"})
        self.assertEqual(
            found.object(nested["a"]["fields"][0])["a"], {"name": "count", "default": 3}
        )

    def test_filters_of_a_canceller_are_objects(self):
        found = Description(
            OldBuildCanceller("c", [(["a"], SourceStampFilter(branch_eq=["x", None]))])
        )
        pair = found.top["a"]["filters"][0]["v"]
        self.assertEqual(pair[0], ["a"])
        self.assertEqual(found.object(pair[1])["a"], {"branch_eq": ["x", None]})

    def test_try_schedulers_and_triggerables_are_described(self):
        self.assertEqual(
            Description(trysched.Try_Userpass("t", ["a"], 8031, [("u", "p")])).top["a"]["port"],
            8031,
        )
        self.assertEqual(
            Description(triggerable.Triggerable("t", ["a"], reason="why")).top["a"],
            {"builderNames": ["a"], "reason": "why", "name": "t"},
        )


class ClassesOfUsers(unittest.TestCase):
    def test_a_scheduler_with_a_hook_is_described_as_the_users_class(self):
        class Weekly(timed.Nightly):
            def gotChange(self, change, important):
                return super().gotChange(change, important)

        top = Description(Weekly("w", ["a"], hour=3)).top
        self.assertEqual(top["c"], "buildbot.schedulers.timed.Nightly")
        self.assertTrue(top["u"].endswith("Weekly"))
        self.assertEqual(top["over"], ["gotChange"])
        self.assertEqual(top["a"]["hour"], 3)

    def test_a_parameter_with_its_own_parsing_is_described_as_the_users_class(self):
        class Version(force.StringParameter):
            size = 30

            def parse_from_arg(self, s):
                if not s.startswith("v"):
                    raise force.ValidationError("versions begin with v")
                return s[1:]

        made = Version("version", default="v1")
        top = Description(made).top
        self.assertEqual((top["over"], top["attrs"]), (["parse_from_arg"], {"size": 30}))
        self.assertEqual(made.getFromKwargs({"version": ["v2"]}), "2")
        with self.assertRaisesRegex(force.ValidationError, "begin with v"):
            made.getFromKwargs({"version": ["2"]})

    def test_a_filter_of_the_users_class_is_asked_itself(self):
        class Docs(ChangeFilter):
            def filter_change(self, change):
                return super().filter_change(change) and "docs" in change.files

        top = Description(Docs(branch="main")).top
        self.assertEqual((top["over"], top["a"]), (["filter_change"], {"branch": "main"}))

    def test_a_base_scheduler_of_the_users_takes_its_own_arguments(self):
        from buildbot.schedulers.base import ReconfigurableBaseScheduler

        class Mine(ReconfigurableBaseScheduler):
            def checkConfig(self, builderNames, topic, **kwargs):
                super().checkConfig(builderNames, **kwargs)

            def reconfigService(self, builderNames, topic, **kwargs):
                self.topic = topic
                return super().reconfigService(builderNames, **kwargs)

        made = Mine(name="m", builderNames=["a"], topic="x", properties={"p": 1})
        made.configureService()
        self.assertEqual(made.topic, "x")
        self.assertEqual(made.codebases, {"": {}})
        self.assertEqual(made.properties.getProperty("scheduler"), "m")
        self.assertEqual(made._made[1]["topic"], "x")


    def test_what_a_users_check_does_not_pass_on_is_described_if_ours_knows_it(self):
        class Mine(basic.AnyBranchScheduler):
            def checkConfig(self, builderNames, topic, **kwargs):
                pass

        made = Mine(name="m", builderNames=["a"], topic="x", treeStableTimer=5)
        self.assertEqual(
            Description(made).top["a"],
            {"builderNames": ["a"], "treeStableTimer": 5, "name": "m"},
        )


class Computing(unittest.TestCase):
    def test_weekdays_are_counted_as_cron_does(self):
        made = timed.NightlyBase("n", ["a"])
        self.assertEqual(made._times_to_cron_line(1, "*", [2], 3, 6), "1 * 2 3 0")
        self.assertEqual(made._timeToCron("1,mon,3-5", True), "2,mon,3-5")
        self.assertEqual(made._timeToCron(range(3)), "0,1,2")

    def test_the_reason_is_filled_in_when_the_scheduler_is_configured(self):
        made = basic.AnyBranchScheduler(name="s", builderNames=["a"])
        made.configureService()
        self.assertEqual(
            made.reason, "The AnyBranchScheduler scheduler named 's' triggered this build"
        )

    def test_a_branch_is_mandatory_only_when_the_scheduler_is_configured(self):
        with capture_config_errors() as errors:
            made = basic.SingleBranchScheduler(name="s", builderNames=["a"])
        self.assertEqual(errors.errors, [])
        with self.assertRaisesRegex(ConfigErrors, "'branch' argument to SingleBranchScheduler"):
            made.configureService()

    def test_a_form_knows_all_its_fields_once_it_is_configured(self):
        made = force.ForceScheduler(
            "form", ["a"], codebases=["x"], properties=[force.StringParameter("p")]
        )
        made.configureService()
        top, codebase, own = made.all_fields
        self.assertEqual(
            [field.fullName for field in top.fields], ["username", "reason", "priority"]
        )
        self.assertEqual(codebase.fullName, "x")
        self.assertEqual(own.fullName, "p")
        self.assertEqual(made.buttonName, "form")

    def test_a_filled_in_form_becomes_a_buildset(self):
        class Form(force.ForceScheduler):
            def addBuildsetForSourceStampsWithDefaults(self, **arguments):
                return arguments

        made = Form(
            "form",
            ["a"],
            codebases=[force.CodebaseParameter("", branch="main")],
            properties=[force.StringParameter("p"), force.AnyPropertyParameter("any")],
        )
        made.configureService()
        found = []
        made.force(
            "me", p="low", reason=["why"], revision="r1", any_name="n", any_value="v"
        ).addCallback(found.append)
        (entered,) = found
        self.assertEqual(entered["reason"], "A build was forced by 'me': why")
        self.assertEqual((entered["priority"], entered["builderNames"]), (0, ["a"]))
        wanted = {"p": "low", "n": "v", "reason": "why", "owner": "me"}
        self.assertEqual(
            entered["properties"].asDict(),
            {name: (value, "Force Build Form") for name, value in wanted.items()},
        )
        stamp = {"branch": "main", "project": "", "repository": "", "revision": "r1"}
        self.assertEqual(entered["sourcestamps"], [{**stamp, "codebase": ""}])

    def test_a_form_that_nobody_signed_asks_for_a_name(self):
        made = force.ForceScheduler("form", ["a"])
        made.configureService()
        failed = []
        made.force(None, username="me", priority="high").addErrback(failed.append)
        self.assertEqual(
            failed[0].value.errors,
            {
                "username": "username: please fill in email address in the form "
                "'User <email@email.com>'",
                "priority": "invalid literal for int() with base 10: 'high'",
            },
        )

    def test_a_field_of_the_users_class_is_evaluated_by_itself(self):
        class Version(force.StringParameter):
            def parse_from_arg(self, s):
                if not s.startswith("v"):
                    raise force.ValidationError("versions begin with v")
                return s[1:]

        made = Version("version")
        found = []
        made.evaluate({"version": ["v1"]}).addCallback(found.append)
        made.evaluate({"version": ["1"]}).addCallback(found.append)
        self.assertEqual(
            found,
            [
                {"properties": {"version": "1"}, "sourcestamps": {}, "errors": {}},
                {
                    "properties": {},
                    "sourcestamps": {},
                    "errors": {"version": "versions begin with v"},
                },
            ],
        )

    def test_builders_that_are_not_ours_are_refused(self):
        made = force.ForceScheduler("form", ["a"])
        made.configureService()
        failed = []
        made.force("me", builderNames=["z"]).addErrback(failed.append)
        self.assertIn("builderNames not specified or not supported", str(failed[0].value))

    def test_a_group_gives_its_values_below_its_name(self):
        group = force.NestedParameter(
            "options", [force.StringParameter("a"), force.IntParameter("b", default=2)]
        )
        properties = {}
        collector = force.ValidationErrorCollector()
        group.updateFromKwargs(
            kwargs={"options_a": ["x"]}, properties=properties, collector=collector
        )
        self.assertEqual(properties, {"options": {"a": "x", "b": 2}})

    def test_errors_of_all_fields_come_together(self):
        group = force.NestedParameter(
            "", [force.IntParameter("a"), force.StringParameter("b", required=True)]
        )
        collector = force.ValidationErrorCollector()
        group.updateFromKwargs(kwargs={"a": ["x"]}, properties={}, collector=collector)
        with self.assertRaises(force.CollectedValidationError) as failed:
            collector.maybeRaiseCollectedErrors()
        self.assertEqual(
            failed.exception.errors,
            {
                "a": "invalid literal for int() with base 10: 'x'",
                "b": "'b' needs to be specified",
            },
        )

    def test_a_codebase_gives_a_source_stamp(self):
        field = force.CodebaseParameter("c", project="p", patch=force.PatchParameter())
        stamps = {}
        field.updateFromKwargs(
            sourcestamps=stamps,
            kwargs={"c_branch": ["main"], "c_patch_body": ["diff"]},
            properties={},
            collector=force.ValidationErrorCollector(),
        )
        self.assertEqual(stamps["c"]["branch"], "main")
        self.assertEqual(stamps["c"]["project"], "p")
        self.assertEqual(stamps["c"]["patch_body"], "diff")
        self.assertEqual(stamps["c"]["patch_level"], 1)

    def test_the_branch_of_a_gerrit_change_is_the_same_for_all_patch_sets(self):
        made = OldBuildCanceller("c", [])
        key = made._default_branch_key
        self.assertEqual(key({"branch": "refs/changes/10/410/2"}), "refs/changes/10/410")
        self.assertEqual(key({"branch": "main"}), "main")


if __name__ == "__main__":
    unittest.main()
