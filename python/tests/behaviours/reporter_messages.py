"""Contexts, formatters and generators of reporters."""

import pprint

from twisted.internet import defer  # noqa: F401 - before anything of Buildbot

from buildbot.reporters import message as m
from buildbot.reporters import utils as ru
from buildbot.reporters.generators.utils import BuildStatusGeneratorMixin as B


class Cfg:
    title = "T"
    buildbotURL = "http://bb/"


class Master:
    config = Cfg()


master = Master()
for mode in (["change"], ["problem"], [], ["failing"]):
    for r in range(7):
        for pr in (None, 0, 2):
            print(mode, r, pr, m.get_detected_status_text(mode, r, pr))
for r in list(range(7)):
    for st in ("", "xx", ["a", "b"]):
        try:
            print(r, m.get_message_summary_text({"state_string": st}, r))
        except Exception as e:
            print(r, repr(e))
ss = [
    {"codebase": "", "branch": None, "revision": None, "patch": None, "project": ""},
    {"codebase": "c", "branch": "b", "revision": "r", "patch": {"x": 1}, "project": "p"},
    {"codebase": "d", "branch": "b", "revision": "", "patch": None, "project": "p"},
    {"codebase": "d", "branch": "", "revision": "q", "patch": None, "project": "p"},
]
print(m.get_message_source_stamp_text(ss))
print(m.get_message_source_stamp_text([]))
print(
    m.get_projects_text(ss, master),
    m.get_projects_text(ss[:1], master),
    m.get_projects_text([], master),
)


def build(**k):
    d = {
        "buildid": 1,
        "number": 5,
        "builderid": 3,
        "results": 2,
        "state_string": "failed",
        "builder": {"builderid": 3, "name": "bld", "tags": ["t"]},
        "properties": {
            "workername": ("w", "x"),
            "owner": ("o", "x"),
            "branch": ("br", "s"),
            "scheduler": ("sch", "s"),
        },
        "buildset": {"sourcestamps": ss, "buildsetid": 9},
        "prev_build": {"results": 0},
        "url": "U",
        "steps": [
            {
                "number": 0,
                "name": "s",
                "results": 0,
                "logs": [
                    {
                        "name": "stdio",
                        "url": "lu",
                        "num_lines": 5,
                        "stepname": "s",
                        "content": "abc",
                    }
                ],
            }
        ],
    }
    d.update(k)
    return d


pprint.pprint(m.create_context_for_build(["failing"], build(), False, master, ["a", "b"]))
pprint.pprint(
    m.create_context_for_build(["failing"], build(prev_build=None, properties={}), True, master, [])
)
pprint.pprint(
    m.create_context_for_buildset(
        ["failing"], {"sourcestamps": ss, "results": 0}, [build()], master, ["a"]
    )
)
pprint.pprint(m.create_context_for_worker(master, {"name": "w"}))


def show(d):
    if isinstance(d, dict):
        print(d)
        return
    d.addBoth(lambda r: pprint.pprint(r if not hasattr(r, "value") else repr(r.value)))


for f in (
    m.MessageFormatter(),
    m.MessageFormatter(template_type="html"),
    m.MessageFormatter(
        "b{{build.number}} {{ctxv}} {{results_style|length}}",
        "s{{buildername}}",
        ctx={"ctxv": 7},
        extra_info_cb=lambda c: {"x": {"y": len(c)}},
    ),
    m.MessageFormatterFunction(lambda c: sorted(c), "plain", ctx={"z": 1}),
    m.MessageFormatterFunctionRaw(lambda mm, c: {"body": sorted(c)}),
    m.MessageFormatterFunctionRaw(
        lambda mm, c: {"subject": "s", "type": "html", "extra_info": {1: 2}}
    ),
    m.MessageFormatterEmpty(),
):
    show(
        f.format_message_for_build(
            master, build(), is_buildset=False, mode=("failing",), users=["u"]
        )
    )
    try:
        show(
            f.format_message_for_buildset(
                master,
                {"sourcestamps": ss, "results": 0, "buildsetid": 1},
                [build()],
                mode=("failing",),
                users=["u"],
            )
        )
    except BaseException as e:
        print(repr(e))
w = {"name": "w", "last_connection": "never", "workerinfo": {"admin": "adm"}, "notify": ["x"]}
show(m.MessageFormatterMissingWorker().formatMessageForMissingWorker(master, w))
show(
    m.MessageFormatterMissingWorker(template_type="html").formatMessageForMissingWorker(
        master, dict(w, workerinfo={})
    )
)
show(
    m.MessageFormatterMissingWorker("x{{worker.name}}", subject="q").formatMessageForMissingWorker(
        master, dict(w, workerinfo={})
    )
)
try:
    show(m.MessageFormatterRenderable("x").format_message_for_buildset(master, {}, []))
except BaseException as e:
    print(repr(e))
b = m.MessageFormatterBase()
for n in ("render_message_body", "render_message_subject", "render_message_extra_info"):
    try:
        show(getattr(b, n)({}))
    except BaseException as e:
        print(n, repr(e))
for n, a in (
    ("format_message_for_build", (master, build())),
    ("format_message_for_buildset", (master, {}, [])),
):
    try:
        show(getattr(b, n)(*a))
    except BaseException as e:
        print(n, repr(e))
try:
    show(b.render_message_dict(master, {"a": 1}))
except BaseException as e:
    print(n, repr(e))


class MF(m.MessageFormatterBase):
    def buildAdditionalContext(self, master, ctx):
        ctx["k"] = 5
        return super().buildAdditionalContext(master, ctx)

    def render_message_body(self, c):
        return str(sorted(c))

    def render_message_subject(self, c):
        return "S"

    def render_message_extra_info(self, c):
        return {"e": {}}


show(MF(ctx={"q": 1}).render_message_dict(master, {"a": 1}))


def g(mode="all", **k):
    a = dict(
        tags=None,
        builders=None,
        schedulers=None,
        branches=None,
        subject=None,
        add_logs=None,
        add_patch=False,
    )
    a.update(k)
    return B(mode, **a)


for mode in (
    "change",
    "failing",
    "passing",
    "problem",
    "warnings",
    "exception",
    "cancelled",
    "all",
    ("change", "problem"),
):
    print(
        mode,
        [
            (r, p)
            for r in range(7)
            for p in (None, 0, 1, 2)
            if g(mode).is_message_needed_by_results(
                build(results=r, prev_build=None if p is None else {"results": p})
            )
        ],
    )
for k in (
    dict(tags=["t"]),
    dict(tags=["q"]),
    dict(builders=["bld"]),
    dict(builders=["x"]),
    dict(schedulers=["sch"]),
    dict(schedulers=["x"]),
    dict(branches=["br"]),
    dict(branches=["x"]),
    {},
):
    print(k, g(**k).is_message_needed_by_props(build()), g(**k).generate_name())
print(
    g()._merge_msgtype(None, "plain"),
    g()._merge_msgtype("plain", "html"),
    g()._merge_subject(None, "a"),
    g()._merge_subject("b", "a"),
    g()._merge_body(None, "a"),
    g()._merge_body("b", "a"),
    g()._merge_body(["b"], ["a"]),
    g()._merge_body("b", ["a"]),
    g()._merge_body({"a": 1}, {"b": 1}),
    g()._merge_body("a", None),
)
print(
    g()._merge_extra_info(None, None),
    g()._merge_extra_info({"a": {"x": 1}}, {"a": {"x": 2, "y": 3}, "b": {"z": 1}}),
    g()._merge_extra_info(None, {"a": {}}),
    g()._merge_extra_info({"a": {}}, None),
)
print(
    g()._get_patches_for_build(build()),
    g(add_patch=True)._get_patches_for_build(build()),
    g()._get_logs_for_build(build()),
    g()._get_logs_for_build({}),
    g()._get_logs_for_build({"steps": [{"logs": [{"name": "x"}]}, {"name": "y"}]}),
    g(add_logs=True)._get_logs_for_build(build()),
)
print(
    ru.getURLForBuild(master, 1, 2),
    ru.getURLForBuildrequest(master, 3),
    ru.get_url_for_log(master, 1, 2, 3, "x"),
    ru.get_url_for_log_raw(master, 1, "raw"),
)
print(
    ru.merge_reports_prop([{"a": 1}, {"a": 2}], "a"),
    ru.merge_reports_prop([{"a": "x"}, {"a": None}, {"a": "y"}], "a"),
    ru.merge_reports_prop([], "a"),
    ru.merge_reports_prop([{}], "a"),
    ru.merge_reports_prop_take_first([{}, {"a": None}, {"a": 5}], "a"),
    ru.merge_reports_prop_take_first([], "a"),
)
for c in (True, False, ["x"], ["s.x"], ["q"]):
    print(
        c,
        [
            ru.should_attach_log(c, l)
            for l in ({"name": "x", "stepname": "s"}, {"name": "y", "stepname": "s"})
        ],
    )
print(ru.URLForBuild)
