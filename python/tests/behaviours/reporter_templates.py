"""The messages that are made without a template of the user."""

from twisted.internet import defer  # noqa: F401 - before anything of Buildbot

from buildbot.reporters import message as m


class Cfg:
    title = "T"
    buildbotURL = "http://bb/"


class Master:
    config = Cfg()


master = Master()
FORMATTERS = {t: m.MessageFormatter(template_type=t) for t in ("plain", "html")}


def L(*n):
    return [{"name": x, "url": "u/" + x} for x in n]


def S(i, r, *l):
    return {"number": i, "name": f"s{i}", "results": r, "logs": L(*l)}


def build(steps, props, **k):
    d = {
        "buildid": 1,
        "number": 5,
        "builderid": 3,
        "results": 2,
        "state_string": "failed <b>",
        "builder": {"builderid": 3, "name": "bld", "tags": ["t"]},
        "properties": props,
        "buildset": {"sourcestamps": [], "buildsetid": 9},
        "prev_build": {"results": 0},
        "url": "U",
        "steps": steps,
    }
    d.update(k)
    return d


for steps in (
    [],
    [S(0, 0)],
    [S(0, 0), S(1, 1, "a")],
    [S(0, 0, "x", "y"), S(1, 6, "a"), S(2, 3)],
    [S(i, i, "k") for i in range(7)],
):
    for props in (
        {"branch": ("b", "x")},
        {},
        {"branch": (None, "x")},
        {"branch": ("", "x"), "got_revision": ("rr", "y")},
        {"branch": ("b", "x"), "project": ("pp", "x"), "reason": ("rea", "s")},
    ):
        for isb in (0, 1):
            for res in (0, 2, 1):
                for t in ("plain", "html"):
                    FORMATTERS[t].format_message_for_build(
                        master,
                        build(steps, props, results=res),
                        is_buildset=isb,
                        mode=("failing",),
                        users=["u", "v"],
                    ).addBoth(
                        lambda r: print(
                            repr(r)
                            if isinstance(r, dict)
                            else getattr(r.value, "subFailure", r).value
                        )
                    )
