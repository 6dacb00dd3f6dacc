"""Change sources, changes and filters."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.describe import Describer
from buildbot.changes import base, changes, gitpoller, mail, pb, svnpoller
from buildbot.changes import gerritchangesource as gerrit
from buildbot.changes.filter import ChangeFilter
from buildbot.config.errors import capture_config_errors


def described(value):
    describer = Describer()
    return describer.objects[describer.value(value)["n"]]


def change(**attributes):
    given = {"who": "me", "files": ["b", "a"], "comments": "text", "when": 5}
    given.update(attributes)
    return changes.Change(**given)


class Describing(unittest.TestCase):
    def test_a_poller_is_named_after_what_it_polls(self):
        found = described(gitpoller.GitPoller("https://x/y.git", branches=["main"]))
        self.assertEqual(found["c"], "buildbot.changes.gitpoller.GitPoller")
        self.assertEqual(found["a"]["repourl"], "https://x/y.git")
        self.assertEqual(found["a"]["branches"], ["main"])
        self.assertEqual(found["a"]["name"], "https://x/y.git")

    def test_a_callable_for_branches_is_a_handle(self):
        found = described(gitpoller.GitPoller("u", branches=lambda ref: True))
        self.assertEqual(found["a"]["branches"]["$"], "fn")

    def test_a_source_without_name_gets_one(self):
        self.assertEqual(
            described(pb.PBChangeSource(port=9, prefix="p"))["a"],
            {"port": 9, "prefix": "p", "name": "PBChangeSource:p:9"},
        )
        self.assertEqual(
            described(gerrit.GerritChangeSource("h", "u"))["a"],
            {"gerritserver": "h", "username": "u", "name": "GerritChangeSource:u@h:29418"},
        )

    def test_a_maildir_is_described(self):
        found = described(mail.CVSMaildirSource("/mail", prefix="p/"))
        self.assertEqual(
            found["a"], {"maildir": "/mail", "prefix": "p/", "name": "CVSMaildirSource"}
        )

    def test_the_file_splitters_of_ours_are_well_known(self):
        found = described(svnpoller.SVNPoller("u", split_file=svnpoller.split_file_branches))
        self.assertEqual(
            found["a"]["split_file"],
            {"$": "ref", "name": "buildbot.changes.svnpoller.split_file_branches"},
        )

    def test_a_source_of_the_users_class_has_a_handle(self):
        class Feed(base.ReconfigurablePollingChangeSource):
            def poll(self):
                return None

        found = described(Feed(name="feed", pollInterval=30))
        self.assertEqual(found["c"], "buildbot.changes.base.ReconfigurablePollingChangeSource")
        self.assertEqual(found["over"], ["poll"])
        self.assertEqual(found["a"], {"pollInterval": 30, "name": "feed"})

    def test_a_private_method_that_a_user_replaces_is_told(self):
        class Mine(gitpoller.GitPoller):
            def _get_commit_author(self, rev):
                return "me"

            def _list_remote_refs(self, refs=None, git_auth_files_path=None):
                return []

        self.assertEqual(
            described(Mine("u"))["over"], ["_get_commit_author", "_list_remote_refs"]
        )

    def test_a_new_kind_of_gerrit_event_that_a_user_handles_is_told(self):
        class Mine(gerrit.GerritChangeSource):
            def eventReceived_change_merged(self, properties, event):
                return None

        self.assertEqual(described(Mine("h", "u"))["over"], ["eventReceived_change_merged"])

    def test_the_interval_of_a_poller_is_checked(self):
        with capture_config_errors() as errors:
            gitpoller.GitPoller("u", pollInterval=5, pollRandomDelayMax=9)
        self.assertEqual(errors.errors, ["max random delay must be < 5: 9"])


class Filtering(unittest.TestCase):
    def accepted(self, chosen, **attributes):
        return chosen.filter_change(change(**attributes))

    def test_a_list_is_any_of_its_elements(self):
        chosen = ChangeFilter(branch=["a", None])
        self.assertTrue(self.accepted(chosen, branch="a"))
        self.assertTrue(self.accepted(chosen, branch=None))
        self.assertFalse(self.accepted(chosen, branch="b"))

    def test_a_pattern_has_to_fit_the_beginning(self):
        chosen = ChangeFilter(project_re="ab", branch_not_re=["x", "y"])
        self.assertTrue(self.accepted(chosen, project="abc", branch="z"))
        self.assertTrue(self.accepted(chosen, project="abc", branch=None))
        self.assertFalse(self.accepted(chosen, project="cab", branch="z"))
        self.assertFalse(self.accepted(chosen, project="abc", branch="yy"))

    def test_a_missing_property_is_an_empty_text(self):
        chosen = ChangeFilter(property_eq={"kind": ["", "x"]})
        self.assertTrue(self.accepted(chosen))
        self.assertTrue(self.accepted(chosen, properties={"kind": "x"}))
        self.assertFalse(self.accepted(chosen, properties={"kind": "z"}))

    def test_functions_are_asked_first(self):
        asked = []

        def note(answer):
            return lambda value: asked.append(value) or answer

        chosen = ChangeFilter(
            filter_fn=note(True), project_fn=note(True), branch_fn=note(False), category="c"
        )
        made = change(project="p", branch="b", category="c")
        self.assertFalse(chosen.filter_change(made))
        self.assertEqual(asked, [made, "p", "b"])

    def test_gerrit_filters_look_at_the_event(self):
        chosen = gerrit.GerritChangeFilter(branch="main", eventtype_re="patchset-.*")
        event = {"event.change.branch": "main", "event.type": "patchset-created"}
        self.assertTrue(self.accepted(chosen, properties=event))
        self.assertFalse(self.accepted(chosen, properties={**event, "event.type": "ref"}))

    def test_filters_with_the_same_conditions_are_equal(self):
        self.assertEqual(ChangeFilter(branch_re="a"), ChangeFilter(branch_re="a"))
        self.assertNotEqual(ChangeFilter(branch_re="a"), ChangeFilter(branch_re="b"))


class TheChange(unittest.TestCase):
    def test_files_are_sorted_and_properties_have_their_source(self):
        made = change(properties={"p": 1}, revision=7)
        self.assertEqual(made.files, ["a", "b"])
        self.assertEqual(made.properties.getPropertySource("p"), "Change")
        self.assertEqual(made.revision, "7")

    def test_nothing_happens_in_the_future(self):
        self.assertLess(change(when=10**12).when, 10**12)

    def test_changes_are_ordered_by_number(self):
        first, second = change(), change()
        first.number, second.number = 1, 2
        self.assertTrue(first < second)
        self.assertFalse(first == second)
        with self.assertRaises(NotImplementedError):
            first == 3  # noqa: B015

    def test_a_change_reads_as_text(self):
        text = change(repository="r", project="p", properties={"z": 1}).asText()
        self.assertIn("Files:\n a\n b\nOn: r\nFor: p\nAt: ", text)
        self.assertTrue(text.endswith("Comments: textProperties: \n  z: 1\n\n"))


class Splitting(unittest.TestCase):
    def test_branches_of_subversion(self):
        split = svnpoller.split_file_branches
        self.assertEqual(split("trunk/a/b"), (None, "a/b"))
        self.assertEqual(split("branches/x/b"), ("branches/x", "b"))
        self.assertIsNone(split("branches/x"))
        self.assertIsNone(split("tags/x"))

    def test_projects_of_subversion(self):
        split = svnpoller.split_file_projects_branches
        self.assertEqual(split("p/trunk/a"), {"project": "p", "path": "a"})
        self.assertEqual(
            split("p/branches/b/a"), {"project": "p", "path": "a", "branch": "branches/b"}
        )
        self.assertIsNone(split("p"))


if __name__ == "__main__":
    unittest.main()
