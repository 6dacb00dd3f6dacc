"""Writes filters and changes made at random, with which of them the real filters accept: `SEED COUNT`."""

import json
import random
import sys
import warnings

warnings.simplefilter("ignore")

from buildbot.test.fake.change import Change  # noqa: E402

warnings.simplefilter("ignore")

ATTRIBUTES = ["project", "repository", "category", "codebase", "branch"]
TEXTS = ["", "a", "ab", "b", "A", "main", "refs/heads/main", "x\ny", "é"]
PATTERNS = ["a", "^a", "b$", ".*b", "", "(?i)A", "a|b", "refs/(heads|tags)/.*$", "[^a]", r"\w+$", "(a)?b", "x.y", "^$"]


def regex(rnd):
    text = rnd.choice(PATTERNS)
    if rnd.random() < 0.3:
        return f"re.compile({text!r}, {rnd.choice(['0', 're.I', 're.S', 're.I | re.M'])})"
    return repr(text)


def several(rnd, one):
    if rnd.random() < 0.5:
        return one(rnd)
    return f"[{', '.join(one(rnd) for _ in range(rnd.randint(0, 3)))}]"


def text(rnd):
    return repr(rnd.choice(TEXTS))


def branch(rnd):
    return "None" if rnd.random() < 0.3 else text(rnd)


def properties(rnd, one):
    return "{" + ", ".join(f"{name!r}: {several(rnd, one)}" for name in rnd.sample(["p", "q"], rnd.randint(0, 2))) + "}"


def made(rnd, extra=()):
    options = []
    for name in ATTRIBUTES:
        # With Gerrit the branch is a property, which is a text.
        one = branch if name == "branch" and not extra else text
        for suffix, of in (("", one), ("_not_eq", one), ("_re", regex), ("_not_re", regex)):
            if rnd.random() < 0.12:
                options.append(f"{name}{suffix}={several(rnd, of)}")
    for name in extra:
        for suffix, of in (("", text), ("_re", regex)):
            if rnd.random() < 0.3:
                options.append(f"{name}{suffix}={several(rnd, of)}")
    for name, of in (("property_eq", text), ("property_not_eq", text), ("property_re", regex), ("property_not_re", regex)):
        if rnd.random() < 0.12:
            options.append(f"{name}={properties(rnd, of)}")
    return ", ".join(options)


def change(rnd, number):
    some = lambda: rnd.choice(TEXTS)  # noqa: E731
    maybe = lambda: rnd.choice([*TEXTS, None, None])  # noqa: E731
    props = {name: rnd.choice([*TEXTS, None, 5]) for name in ("p", "q", "event.type", "event.change.branch") if rnd.random() < 0.4}
    return {
        "number": number,
        "project": some(),
        "repository": some(),
        "codebase": some(),
        "category": maybe(),
        "branch": maybe(),
        "properties": props,
    }


def main(seed, count):
    rnd = random.Random(seed)
    changes = [change(rnd, number) for number in range(1, 61)]
    filters = []
    for _ in range(count // len(changes)):
        if rnd.random() < 0.2:
            filters.append(f"util.GerritChangeFilter({made(rnd, ['eventtype'])})")
        else:
            filters.append(f"util.ChangeFilter({made(rnd)})")
    source = "import re\nfrom buildbot.plugins import *\nc = BuildmasterConfig = {}\nFILTERS = [\n"
    source += "".join(f"    {one},\n" for one in filters) + "]\n"
    source += "c['schedulers'] = [schedulers.AnyBranchScheduler(name=f's{n}', builderNames=['b'], change_filter=f) for n, f in enumerate(FILTERS)]\n"
    names = {}
    exec(compile(source, "master.cfg", "exec"), names)
    accepted = []
    for one in names["FILTERS"]:
        row = []
        for of in changes:
            try:
                row.append(bool(one.filter_change(Change(**of))))
            except TypeError:
                row.append(None)
        accepted.append(row)
    json.dump([source, changes, accepted], sys.stdout)


main(int(sys.argv[1]), int(sys.argv[2]))
