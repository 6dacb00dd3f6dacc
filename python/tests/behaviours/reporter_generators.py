"""What generators ask for and report, with data that stand in for a master's."""

import pprint

from shown import outcome
from twisted.internet import defer

from buildbot.process.properties import Interpolate
from buildbot.reporters import gerrit, utils
from buildbot.reporters.generators.build import BuildStartEndStatusGenerator, BuildStatusGenerator
from buildbot.reporters.generators.buildset import (
    BuildSetCombinedStatusGenerator,
    BuildSetStatusGenerator,
)
from buildbot.reporters.generators.worker import WorkerMissingGenerator
from buildbot.reporters.message import MessageFormatterFunctionRaw, MessageFormatterRenderable

STAMP = {
    "ssid": 1,
    "codebase": "",
    "branch": "main",
    "revision": "r",
    "project": "p",
    "patch": {"author": "pat", "body": b"x"},
    "repository": "git@github.com:o/r.git",
}
BUILDER = {"builderid": 3, "name": "bld", "tags": ["t"]}


def build(number, results, buildid=None):
    return {
        "buildid": buildid or 10 + number,
        "number": number,
        "builderid": 3,
        "buildrequestid": 5,
        "results": results,
        "state_string": "state",
        "complete": results is not None,
    }


class Data:
    asked = []

    def get(self, path, filters=None, **kwargs):
        self.asked.append((path, filters))
        return defer.succeed(self.answer(path))

    def answer(self, path):
        if path == ("buildrequests",):
            return [
                {"buildrequestid": 5, "buildsetid": 7, "builderid": 3},
                {"buildrequestid": 6, "buildsetid": 7, "builderid": 3},
            ]
        if path[0] == "buildrequests":
            if path[-1] == "builds":
                return [build(9 if path[1] == 5 else 8, 2 if path[1] == 5 else 0)]
            return {"buildrequestid": path[1], "buildsetid": 7, "builderid": 3}
        if path[0] == "buildsets":
            if path[-1] == "properties":
                return {"owner": ("own", "x")}
            return {
                "buildsetid": 7,
                "bsid": 7,
                "results": 2,
                "sourcestamps": [dict(STAMP)],
                "parent_buildid": 77,
            }
        if path[0] == "builders":
            if len(path) == 4:
                return build(path[3], 5 if path[3] == 8 else 0) if path[3] > 6 else None
            return dict(BUILDER)
        if path[0] == "builds":
            if path[-1] == "properties":
                return {
                    "owner": ("joe", "x"),
                    "owners": (["ann"], "y"),
                    "branch": ("main", "s"),
                    "workername": ("w", "s"),
                    "scheduler": ("sch", "s"),
                    "event.change.id": ("I1", "s"),
                    "event.change.project": ("gp", "s"),
                    "got_revision": ("gr", "s"),
                }
            if path[-1] == "steps":
                return [{"stepid": 4, "number": 0, "name": "st", "results": 0}]
            if path[-1] == "changes":
                return [{"author": "zoe"}, {"author": "joe"}]
            return build(1, 0, path[1])
        if path[0] == "steps":
            return [{"logid": 2, "name": "stdio", "slug": "stdio", "num_lines": 3}]
        if path[0] == "logs":
            return {"content": "text"}
        if path[0] == "sourcestamps":
            return [{"author": "zoe"}] if path[-1] == "changes" else dict(STAMP)
        return None


class Master:
    class config:
        title = "T"
        buildbotURL = "http://b/"

    data = Data()


class Reporter:
    def getResponsibleUsersForBuild(self, master, buildid):
        return utils.getResponsibleUsersForBuild(master, buildid)


class Formatter:
    want_properties = True
    want_steps = False
    want_logs = False
    want_logs_content = False

    def __init__(self, subject=None, **wants):
        self.subject = subject
        self.__dict__.update(wants)

    def format_message_for_build(self, master, build, **kwargs):
        print("    format build", build["number"], sorted(kwargs.items()), sorted(build))
        return defer.succeed(
            {
                "body": "b%d " % build["number"],
                "type": "plain",
                "subject": self.subject,
                "extra_info": {"k": {build["number"]: 1}},
            }
        )

    def format_message_for_buildset(self, master, buildset, builds, **kwargs):
        print("    format set", [b["number"] for b in builds], sorted(kwargs.items()))
        return {"body": "set", "type": "plain", "subject": None, "extra_info": None}


def generate(label, generator, key, message):
    Master.data.asked = []

    def run():
        fired = []
        generator.generate(Master(), Reporter(), key, message).addBoth(fired.append)
        print(label)
        result = fired[0]
        if hasattr(result, "getErrorMessage"):
            print("  !!", result.type.__name__, result.value)
        else:
            if result and "users" in result:
                result["users"] = sorted(result["users"])
            pprint.pprint(result, width=150)
        for asked in Master.data.asked:
            print("  asked", asked)

    outcome(label, run)


FINISHED, NEW = ("builds", 19, "finished"), ("builds", 19, "new")
for formatter in (
    Formatter(),
    Formatter("subj", want_steps=True),
    Formatter(want_logs=True),
    Formatter(want_logs_content=["stdio"]),
    Formatter(want_logs_content=True),
    Formatter(want_properties=True, want_logs_content=["st.stdio"]),
):
    generate(
        "finished",
        BuildStatusGenerator(message_formatter=formatter, add_patch=True),
        FINISHED,
        build(9, 2),
    )
generate(
    "change",
    BuildStatusGenerator(mode="change", message_formatter=Formatter()),
    FINISHED,
    build(9, 2),
)
generate(
    "problem",
    BuildStatusGenerator(mode=("problem",), message_formatter=Formatter()),
    FINISHED,
    build(9, 2),
)
generate(
    "first",
    BuildStatusGenerator(mode=("problem",), message_formatter=Formatter()),
    FINISHED,
    build(7, 2),
)
generate(
    "not wanted",
    BuildStatusGenerator(mode=("passing",), message_formatter=Formatter()),
    FINISHED,
    build(9, 2),
)
generate(
    "other builder",
    BuildStatusGenerator(builders=["q"], message_formatter=Formatter()),
    FINISHED,
    build(9, 2),
)
generate(
    "new", BuildStatusGenerator(report_new=True, message_formatter=Formatter()), NEW, build(9, None)
)
generate("start", BuildStartEndStatusGenerator(start_formatter=Formatter("s")), NEW, build(9, None))
generate("end", BuildStartEndStatusGenerator(end_formatter=Formatter()), FINISHED, build(9, 0))
generate(
    "end renderable",
    BuildStartEndStatusGenerator(
        end_formatter=MessageFormatterRenderable(Interpolate("on %(prop:branch)s"), "subj")
    ),
    FINISHED,
    build(9, 0),
)
generate(
    "set",
    BuildSetStatusGenerator(message_formatter=Formatter(), add_patch=True),
    ("buildsets", 7, "complete"),
    {"bsid": 7},
)
generate(
    "set all",
    BuildSetStatusGenerator(mode="all", message_formatter=Formatter(want_steps=True)),
    ("buildsets", 7, "complete"),
    {"bsid": 7},
)
generate(
    "set none",
    BuildSetStatusGenerator(builders=["q"], message_formatter=Formatter()),
    ("buildsets", 7, "complete"),
    {"bsid": 7},
)
generate(
    "combined",
    BuildSetCombinedStatusGenerator(message_formatter=Formatter()),
    ("buildsets", 7, "complete"),
    {"bsid": 7},
)
worker = {"name": "w", "notify": ["n@x"], "workerinfo": {}, "last_connection": "never"}
generate("missing", WorkerMissingGenerator(), ("workers", 1, "missing"), dict(worker))
generate(
    "missing none", WorkerMissingGenerator(workers=["q"]), ("workers", 1, "missing"), dict(worker)
)
generate(
    "missing nobody", WorkerMissingGenerator(), ("workers", 1, "missing"), dict(worker, notify=[])
)
generate(
    "raw",
    BuildStatusGenerator(
        message_formatter=MessageFormatterFunctionRaw(
            lambda master, ctx: {"body": sorted(ctx["blamelist"]), "type": "json"}
        )
    ),
    FINISHED,
    build(9, 2),
)


def said(*args):
    print(
        "    callback",
        [a if isinstance(a, (str, int, type(None))) else type(a).__name__ for a in args],
    )
    return gerrit.makeReviewResult("m", ("Verified", 1))


def summary(infos, result, master, arg):
    print(
        "    summary",
        [sorted((k, v) for k, v in i.items() if k != "build") for i in infos],
        result,
        arg,
    )
    return gerrit.makeReviewResult("m", ("Verified", 1))


generate(
    "gerrit set",
    gerrit.GerritBuildSetStatusGenerator(summary, "arg", None, False, False),
    ("buildsets", 7, "complete"),
    {"bsid": 7},
)
generate(
    "gerrit set none",
    gerrit.GerritBuildSetStatusGenerator(summary, "arg", ["q"], False, False),
    ("buildsets", 7, "complete"),
    {"bsid": 7},
)
generate(
    "gerrit start",
    gerrit.GerritBuildStartStatusGenerator(said, "arg", None, True, False),
    NEW,
    build(9, None),
)
generate(
    "gerrit end",
    gerrit.GerritBuildEndStatusGenerator(said, "arg", ["bld"], False, True),
    FINISHED,
    build(9, 0),
)
generate(
    "gerrit nothing",
    gerrit.GerritBuildEndStatusGenerator(lambda *a: None, "arg", ["bld"], False, True),
    FINISHED,
    build(9, 0),
)
generate(
    "gerrit set nothing",
    gerrit.GerritBuildSetStatusGenerator(lambda *a: None, "arg", None, False, False),
    ("buildsets", 7, "complete"),
    {"bsid": 7},
)
outcome("stamp users", lambda: utils.getResponsibleUsersForSourceStamp(Master(), 1))
outcome("set users", lambda: utils.get_responsible_users_for_buildset(Master(), 7))
outcome("previous", lambda: utils.getPreviousBuild(Master(), build(9, 0)))
for properties in (
    {"event.change.id": ("I", "x"), "event.change.project": ("p", "x"), "revision": ("r", "x")},
    {
        "event.change.id": ("I", "x"),
        "event.change.project": ("p", "x"),
        "revision": ({"a": "ra"}, "x"),
        "event.change.codebase": ("a", "x"),
        "codebase": ("a", "x"),
    },
    {},
    {"repo_downloads": (["proj 1/2"], "x"), "repo_downloaded": ("1/2 abc ", "x")},
    {
        "event.change.id": ("I", "x"),
        "event.change.project": ("p", "x"),
        "event.patchSet.revision": ("ps", "x"),
        "got_revision": ("g", "x"),
    },
    {
        "event.change.id": ("I", "x"),
        "event.change.project": ("p", "x"),
        "got_revision": ({"": "z"}, "x"),
        "codebase": ("", "x"),
    },
):
    outcome(
        "gerrit revision",
        lambda: gerrit.extract_project_revision(Master(), {"builds": [{"properties": properties}]}),
    )
outcome(
    "gerrit revision of set",
    lambda: gerrit.extract_project_revision(Master(), {"builds": [], "buildset": {"bsid": 7}}),
)
