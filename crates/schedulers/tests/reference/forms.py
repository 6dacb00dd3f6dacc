"""Writes forms made at random with what the real Buildbot shows of them and makes of what is entered: `SEED COUNT`.

The first element is the configuration as source; the second has for each form its fields and the calls.
"""

import json
import random
import sys

import harness
from twisted.internet import defer

from buildbot.schedulers import forcesched
from buildbot.test import fakedb

FORMS = 60
TEXTS = ["", " ", "a", "ab", "abc", "a b", "x=y", "5", "-3", " 7 ", "1_0", "me@x.org", "Me <me@x.org>", "-any-", "é%"]


def quoted(rnd, name, extra=""):
    options = []
    if rnd.random() < 0.3:
        options.append(f"label={rnd.choice(['L', 'A label', ''])!r}")
    if rnd.random() < 0.1:
        options.append("tablabel='T'")
    if rnd.random() < 0.2:
        options.append("required=True")
    if rnd.random() < 0.2:
        options.append(f"hide={rnd.choice([True, False])}")
    if rnd.random() < 0.2:
        options.append(f"tooltip={rnd.choice(['tip', ''])!r}")
    if rnd.random() < 0.1:
        options.append("autopopulate={'a': {'b': 'c'}}")
    return ", ".join([f"name={name!r}", *options, *([extra] if extra else [])])


def with_text(rnd):
    options = []
    if rnd.random() < 0.4:
        options.append(f"default={rnd.choice(TEXTS)!r}")
    if rnd.random() < 0.3:
        options.append(f"regex={rnd.choice(['a', '^[a-c]*$', '.b', '(?i)A|5'])!r}")
    if rnd.random() < 0.2:
        options.append(f"maxsize={rnd.randint(0, 4)}")
    if rnd.random() < 0.2:
        options.append("multiple=True")
    if rnd.random() < 0.2:
        options.append(f"size={rnd.randint(1, 99)}")
    return ", ".join(options)


def field(rnd, name, depth=0):
    kinds = ["String", "String", "Text", "Int", "Boolean", "Fixed", "Choice", "Worker", "File", "User", "Any"]
    if depth < 2:
        kinds += ["Nested", "Nested"]
    kind = rnd.choice(kinds)
    if kind == "String":
        return f"util.StringParameter({quoted(rnd, name, with_text(rnd))})"
    if kind == "Text":
        more = rnd.choice(["", "cols=5", "rows=1, cols=200"])
        return f"util.TextParameter({quoted(rnd, name, more)})"
    if kind == "Int":
        more = rnd.choice(["", "default=5", "default='x'", "multiple=True"])
        return f"util.IntParameter({quoted(rnd, name, more)})"
    if kind == "Boolean":
        return f"util.BooleanParameter({quoted(rnd, name, rnd.choice(['', 'default=True', 'default=False']))})"
    if kind == "Fixed":
        more = rnd.choice(["", "default='d'", "default=[1, 'x']", "default=7"])
        return f"util.FixedParameter({quoted(rnd, name, more).replace('required=True', 'debug=True')})"
    if kind == "Choice":
        more = f"choices={rnd.choice([['a', 'ab', '5'], []])}"
        more += rnd.choice(["", ", strict=False", ", default='a'", ", multiple=True", ", multiple=True, default=['a']"])
        return f"util.ChoiceStringParameter({quoted(rnd, name, more)})"
    if kind == "Worker":
        return f"util.WorkerChoiceParameter({rnd.choice(['', quoted(rnd, name)])})"
    if kind == "File":
        return f"util.FileParameter({quoted(rnd, name, rnd.choice(['', 'maxsize=3']))})"
    if kind == "User":
        more = rnd.choice(["", "need_email=False", "size=3"])
        return f"util.UserNameParameter({quoted(rnd, name, more)})"
    if kind == "Any":
        return f"util.AnyPropertyParameter(name={name!r})"
    inner = ", ".join(field(rnd, f"{name}{n}", depth + 1) for n in range(rnd.randint(0, 5)))
    more = f"fields=[{inner}]" + rnd.choice(["", ", layout='tabs'", ", columns=3", ", columns=1"])
    if rnd.random() < 0.3:
        return f"util.NestedParameter({quoted(rnd, '', more).replace('required=True, ', '')})"
    return f"util.NestedParameter({quoted(rnd, name, more).replace('required=True, ', '')})"


def codebase(rnd, name):
    if rnd.random() < 0.3:
        return repr(name)
    options = [f"codebase={name!r}"]
    if rnd.random() < 0.3:
        options.append(f"name={rnd.choice(['main', name])!r}")
    if rnd.random() < 0.2:
        options.append("label='Code'")
    if rnd.random() < 0.2:
        options.append("hide=True")
    for part in ("branch", "revision", "repository", "project"):
        roll = rnd.random()
        if roll < 0.2:
            options.append(f"{part}={rnd.choice(['', 'fix'])!r}")
        elif roll < 0.35:
            options.append(f"{part}=None")
        elif roll < 0.6:
            options.append(f"{part}=util.StringParameter(name={part!r}, default='dd')")
        elif roll < 0.7:
            options.append(f"{part}=util.ChoiceStringParameter(name={part!r}, choices=['a', 'ab'], default='ab')")
    if rnd.random() < 0.4:
        inner = rnd.choice(["", "", "body=util.TextParameter('body')", "level=util.FixedParameter('level', default=3)"])
        options.append(f"patch=util.PatchParameter({inner})")
    return f"util.CodebaseParameter({', '.join(options)})"


def form(rnd, number):
    options = [f"name='f{number}'", f"builderNames={rnd.choice([['b1'], ['b1', 'b2'], ['b2', 'b1', 'b3']])}"]
    if rnd.random() < 0.3:
        options.append(f"username={rnd.choice(['util.UserNameParameter(need_email=False)', 'util.StringParameter(name=%r, default=%r)' % ('username', 'nobody')])}")
    if rnd.random() < 0.3:
        options.append(f"reason={rnd.choice(['util.ChoiceStringParameter(name=%r, choices=[%r, %r], default=%r)' % ('reason', 'a', 'ab', 'a'), 'util.StringParameter(name=%r, required=True)' % 'why'])}")
    if rnd.random() < 0.3:
        options.append(f"reasonString={rnd.choice(['%(owner)s wants it', 'r: %(reason)s %%', 'plain'])!r}")
    if rnd.random() < 0.3:
        options.append(f"priority=util.IntParameter(name='priority', default={rnd.randint(0, 9)})")
    if rnd.random() < 0.2:
        options.append("buttonName='Go'")
    if rnd.random() < 0.2:
        options.append("label='Label'")
    if rnd.random() < 0.6:
        names = rnd.choice([[""], ["x"], ["x", "y"], ["", "x"]])
        options.append(f"codebases=[{', '.join(codebase(rnd, name) for name in names)}]")
    fields = [field(rnd, f"p{n}") for n in range(rnd.randint(0, 6))]
    options.append(f"properties=[{', '.join(fields)}]")
    return f"schedulers.ForceScheduler({', '.join(options)})"


def names_of(fields):
    for one in fields:
        if one.get("fields"):
            yield from names_of(one["fields"])
        else:
            yield one["fullName"]


def entered(rnd):
    roll = rnd.random()
    text = lambda: rnd.choice(TEXTS)  # noqa: E731
    if roll < 0.7:
        return text()
    if roll < 0.8:
        # Of several blank ones the real one drops every other.
        values = [text() for _ in range(rnd.randint(0, 2))]
        return values if any(value.strip() for value in values) else values[:1]
    if roll < 0.9:
        return rnd.choice([True, False, [True], [False]])
    return rnd.choice([5, 0, -1, 2.5])


def call(rnd, names):
    parameters = {name: entered(rnd) for name in names if name and rnd.random() < rnd.choice([0.2, 0.7])}
    if rnd.random() < 0.2:
        parameters["builderNames"] = rnd.choice([["b1"], ["b3", "b2"], ["zz"], []])
    elif rnd.random() < 0.2:
        parameters["builderid"] = rnd.choice([11, "12", 13])
    roll = rnd.random()
    if roll < 0.3:
        parameters["owner"] = rnd.choice(["anonymous", None, "some one <o@x.org>"])
    return parameters


async def evaluate(real, parameters):
    made = []

    def add(**keywords):
        made.append(keywords)
        return defer.succeed((1, {}))

    real.addBuildsetForSourceStampsWithDefaults = add
    arguments = json.loads(json.dumps(parameters))
    owner = arguments.pop("owner", "user")
    try:
        await real.force(owner, **arguments)
    except forcesched.CollectedValidationError as error:
        return {"errors": error.errors}
    except Exception as error:
        return {"failed": type(error).__name__}
    (made,) = made
    made["properties"] = {name: list(of) for name, of in made["properties"].asDict().items()}
    return {"made": made}


async def main(case):
    rnd = random.Random(int(sys.argv[1]))
    source = "from buildbot.plugins import *\nc = BuildmasterConfig = {}\nc['workers'] = [worker.Worker('w', 'p')]\n"
    source += "c['builders'] = [util.BuilderConfig(name=n, workernames=['w'], factory=util.BuildFactory()) for n in ('b1', 'b2', 'b3')]\n"
    lines = [form(rnd, number) for number in range(FORMS)]
    source += "c['schedulers'] = [\n" + "".join(f"    {line},\n" for line in lines) + "]\n"
    names = {}
    exec(compile(source, "master.cfg", "exec"), names)
    await case.master.db.insert_test_data([fakedb.Builder(id=10 + n, name=f"b{n}") for n in (1, 2, 3)])
    forms = []
    for real in names["c"]["schedulers"]:
        await real.setServiceParent(case.master)
        shown = json.loads(json.dumps([one.getSpec() for one in real.all_fields], default=lambda _: None))
        known = list(names_of(shown))
        calls = []
        for _ in range(int(sys.argv[2]) // FORMS):
            parameters = call(rnd, known)
            calls.append({"parameters": parameters, "outcome": await evaluate(real, parameters)})
        forms.append({"name": real.name, "label": real.label, "button": real.buttonName, "fields": shown, "calls": calls})
    case.made = forms
    json.dump([source, forms], OUTPUT)


# What is printed meanwhile must not get between.
OUTPUT, sys.stdout = sys.stdout, sys.stderr
harness.run(main)
