"""Writes stories made at random: schedulers, what happens to them, and the buildsets that the real ones make: `SEED COUNT`."""

import json
import os
import random
import sys
import time

os.environ["TZ"] = "UTC"
time.tzset()

import harness  # noqa: E402
from twisted.internet import defer  # noqa: E402

from buildbot import plugins  # noqa: E402
from buildbot.process.properties import Properties  # noqa: E402
from buildbot.test import fakedb  # noqa: E402
from buildbot.util import epoch2datetime  # noqa: E402

BUILDERS = {"b1": 11, "b2": 12}
IMPORTANT = "lambda change: 'imp' in change.files"
STAMP = ("codebase", "branch", "repository", "revision", "project")
BRANCHES = ["main", "dev", None]


def options_of(rnd, more):
    options = [f"builderNames={rnd.choice([['b1'], ['b2', 'b1'], ['b1', 'none']])}", *more]
    codebases = rnd.choice([None, None, "['', 'x']", "{'': {'branch': 'cb', 'repository': 'cr'}, 'x': {'revision': 'rv'}}", "['x']"])
    if codebases:
        options.append(f"codebases={codebases}")
    if rnd.random() < 0.4:
        options.append("properties={'p': util.Interpolate('%(src::branch:-none)s %(prop:cp)s'), 'q': util.Property('cp', default=[1])}")
    if rnd.random() < 0.3:
        options.append("priority=7")
    return options


def scheduler(rnd, name):
    kind = rnd.choice(["SingleBranch"] * 4 + ["AnyBranch"] * 2 + ["Periodic", "Periodic", "Nightly", "Nightly", "Nightly", "NightlyTriggerable", "Triggerable", "Dependent"])
    more = []
    maybe = lambda chance, option: more.append(option) if rnd.random() < chance else None  # noqa: E731
    if kind in ("SingleBranch", "AnyBranch"):
        maybe(0.6, f"treeStableTimer={rnd.choice([1, 5, 30])}")
        maybe(0.5, f"fileIsImportant={IMPORTANT}")
        maybe(0.2, "onlyImportant=True")
        maybe(0.3, "reason='r %(name)s %(classname)s'")
        if kind == "SingleBranch":
            more.append(rnd.choice(["branch='main'", "branch=None", "change_filter=util.ChangeFilter(branch=['main', None])"]))
            maybe(0.3, "createAbsoluteSourceStamps=True")
        elif any(option.startswith("tree") for option in more):
            # The real one forgets what other branches wait for.
            more.append("branches=['main']")
        elif rnd.random() < 0.5:
            more.append("branches=['main', None]")
    elif kind in ("Periodic", "Nightly"):
        maybe(0.6, "onlyIfChanged=True")
        maybe(0.4, f"fileIsImportant={IMPORTANT}")
        maybe(0.3, "createAbsoluteSourceStamps=True")
        maybe(0.2, "change_filter=util.ChangeFilter(branch='main')")
        maybe(0.2, "onlyImportant=True")
        maybe(0.2, f"branch={rnd.choice(['main', None])!r}")
        maybe(0.2, "reason='r %(name)s'")
        if kind == "Periodic":
            more.append(f"periodicBuildTimer={rnd.choice([7, 45, 100])}")
    elif kind == "Triggerable":
        maybe(0.4, "reason='configured'")
    elif kind == "Dependent":
        more.append("upstream=schedulers.Triggerable(name='upstream', builderNames=['b1'])")
    if kind.startswith("Nightly"):
        more.append(rnd.choice(["minute='*'", "minute='*/2'", "minute=[0, 7, 31]", "hour='*'"]))
        if kind == "Nightly":
            maybe(0.2, f"force_at_minute={rnd.choice([0, 7, 4])}")
    options = options_of(rnd, more)
    suffix = "Scheduler" if kind in ("SingleBranch", "AnyBranch") else ""
    return kind, f"schedulers.{kind}{suffix}(name={name!r}, {', '.join(options)})"


def stamps_of(rnd):
    stamps = []
    for codebase in rnd.sample(["", "x", "y"], rnd.randint(0, 3)):
        stamp = {"codebase": codebase}
        for key in ("branch", "revision", "repository", "project"):
            if rnd.random() < 0.6:
                stamp[key] = f"{key[0]}{rnd.randint(0, 3)}"
        stamps.append(stamp)
    return stamps


class Story:
    def __init__(self, case, rnd, number):
        self.case, self.rnd, self.number = case, rnd, number
        self.name = f"s{number}"
        self.kind, self.source = scheduler(rnd, self.name)
        self.events = []
        self.enabled = True
        # A real one that was stopped goes on to listen whether it is enabled.
        self.restarted = False

    def now(self):
        return self.case.reactor.seconds()

    def note(self, kind, data=None):
        self.events.append([kind, self.now(), data])

    def make(self):
        names = {"schedulers": plugins.schedulers, "util": plugins.util}
        self.real = eval(self.source, names)
        return self.real.setServiceParent(self.case.master)

    def advance(self, seconds):
        target = self.now() + seconds
        while True:
            due = [call.getTime() for call in self.case.reactor.getDelayedCalls()]
            due = [at for at in due if at <= target]
            if not due:
                break
            self.case.reactor.advance(max(0, min(due) - self.now()))
        self.case.reactor.advance(target - self.now())
        self.note("advance")

    async def change(self):
        rnd, master = self.rnd, self.case.master
        properties = {"cp": (rnd.choice(["v1", 5, None]), "Change")} if rnd.random() < 0.5 else {}
        number = await master.db.changes.addChange(
            author="me",
            files=[rnd.choice(["imp", "doc"])],
            comments="c",
            revision=rnd.choice([None, f"r{rnd.randint(0, 99)}"]),
            when_timestamp=epoch2datetime(int(self.now())),
            branch=rnd.choice(BRANCHES) if rnd.random() < 0.5 else "main",
            category=None,
            revlink="",
            properties=properties,
            repository=rnd.choice(["rep", "rep", "other"]),
            codebase=rnd.choice(["", "", "x", "unknown"]),
            project=rnd.choice(["", "pro"]),
        )
        message = await master.data.get(("changes", str(number)))
        plain = json.loads(json.dumps(message, default=str))
        self.note("change", plain)
        self.tell_all(("changes", str(number), "new"), message)

    def tell_all(self, key, message):
        try:
            self.case.master.mq.callConsumer(key, message)
        except AssertionError as error:
            # Nobody listens to it at this moment.
            assert "no consumer" in str(error)

    async def enable(self):
        self.enabled = not self.enabled
        master = self.case.master
        await master.db.schedulers.enable(self.real.serviceid, self.enabled)
        message = await master.data.get(("schedulers", self.real.serviceid))
        self.tell_all(("schedulers", str(self.real.serviceid), "updated"), message)
        self.note("enable", self.enabled)

    async def restart(self):
        self.restarted = True
        await self.real.disownServiceParent()
        self.note("restart")
        await self.make()

    async def trigger(self):
        rnd = self.rnd
        stamps = stamps_of(rnd)
        properties = None
        if rnd.random() < 0.6:
            properties = Properties()
            for name in rnd.sample(["reason", "p", "t"], rnd.randint(0, 2)):
                properties.setProperty(name, f"set {name}", "Trigger")
        waited = rnd.random() < 0.5
        listed = None if properties is None else {name: list(of) for name, of in properties.asDict().items()}
        self.note("trigger", [waited, stamps, listed])
        arguments = {} if rnd.random() < 0.5 else {"parent_buildid": None, "parent_relationship": "rel"}
        self.events[-1][2].append(arguments.get("parent_relationship"))
        ids, results = self.real.trigger(waited, stamps, properties, **arguments)
        for deferred in (ids, results):
            deferred.addErrback(lambda _: None)

    async def upstream(self):
        master, rnd = self.case.master, self.rnd
        stamps = [await master.db.sourcestamps.findSourceStampId(branch=f"u{rnd.randint(0, 3)}", repository="ur", project="up", codebase="")]
        bsid, _ = await master.db.buildsets.addBuildset(sourcestamps=stamps, reason="up", properties={}, builderids=[11], waited_for=False, submitted_at=None)
        message = dict(bsid=bsid, scheduler=rnd.choice(["upstream", "upstream", "other"]), external_idstring=None, reason="up", submitted_at=int(self.now()), complete=False, complete_at=None, results=None, sourcestamps=[], parent_buildid=None, parent_relationship=None)
        self.note("upstream", [bsid, message["scheduler"]])
        self.tell_all(("buildsets", str(bsid), "new"), message)
        self.waiting.append((bsid, stamps))

    async def complete(self):
        if not self.waiting:
            return
        master, rnd = self.case.master, self.rnd
        bsid, stamps = self.waiting.pop(rnd.randrange(len(self.waiting)))
        results = rnd.choice([0, 0, 1, 2, 4])
        await master.db.buildsets.completeBuildset(bsid, results, complete_at=None)
        self.note("complete", [bsid, results, stamps])
        self.tell_all(("buildsets", str(bsid), "complete"), dict(bsid=bsid, results=results))

    async def tell(self):
        self.waiting = []
        await self.make()
        self.note("start")
        for _ in range(self.rnd.randint(4, 14)):
            roll = self.rnd.random()
            if roll < 0.4:
                self.advance(self.rnd.choice([0.5, 1, 4, 10, 29, 31, 61, 150, 3600]))
            elif roll < 0.45 and not self.restarted:
                await self.enable()
            elif roll < 0.52 and self.enabled and self.kind != "Dependent":
                await self.restart()
            elif self.kind in ("Triggerable", "NightlyTriggerable"):
                await self.trigger()
            elif self.kind == "Dependent":
                await self.rnd.choice([self.upstream, self.complete])()
            else:
                await self.change()
        if self.rnd.random() < 0.7:
            self.advance(40)
        await self.real.disownServiceParent()
        return {
            "source": self.source,
            "name": self.name,
            "events": self.events,
            **await self.case.master.db.pool.do(self.rows),
        }

    def rows(self, connection):
        model = self.case.master.db.model
        all_of = lambda table: connection.execute(table.select()).mappings().all()  # noqa: E731
        stamps = {row["id"]: row for row in all_of(model.sourcestamps)}
        builders = {number: name for name, number in BUILDERS.items()}
        mine = {row["buildsetid"] for row in all_of(model.buildset_properties) if row["property_name"] == "scheduler" and json.loads(row["property_value"])[0] == self.name}
        buildsets = []
        for row in all_of(model.buildsets):
            if row["id"] not in mine:
                continue
            of = lambda table: [one for one in all_of(table) if one["buildsetid"] == row["id"]]  # noqa: B023, E731
            requests = of(model.buildrequests)
            buildsets.append({
                "at": row["submitted_at"],
                "reason": row["reason"],
                "relationship": row["parent_relationship"],
                "properties": {one["property_name"]: json.loads(one["property_value"]) for one in of(model.buildset_properties)},
                "stamps": sorted(
                    ([stamps[one["sourcestampid"]][key] for key in STAMP]
                    for one in of(model.buildset_sourcestamps)), key=str
                ),
                "builders": sorted(builders[one["builderid"]] for one in requests),
                "priorities": sorted({one["priority"] for one in requests}),
                "waited": sorted({one["waited_for"] for one in requests}),
            })
        objects = [row for row in all_of(model.objects) if row["name"] == self.name]
        states = {}
        for one in objects:
            for row in all_of(model.object_state):
                if row["objectid"] == one["id"]:
                    states[row["name"]] = json.loads(row["value_json"])
        number = [row["id"] for row in all_of(model.schedulers) if row["name"] == self.name]
        waiting = [[row["changeid"], row["important"]] for row in all_of(model.scheduler_changes) if row["schedulerid"] in number]
        classes = sorted(one["class_name"] for one in objects)
        return {"buildsets": buildsets, "states": states, "waiting": sorted(waiting), "classes": classes}


async def main(case):
    rnd = random.Random(int(sys.argv[1]))
    case.reactor.advance(1000000)
    case.master.mq.verifyMessages = False
    await case.master.db.insert_test_data([fakedb.Builder(id=number, name=name) for name, number in BUILDERS.items()])
    stories = []
    for number in range(int(sys.argv[2])):
        stories.append(await Story(case, rnd, number).tell())
    source = "from buildbot.plugins import *\nc = BuildmasterConfig = {}\nc['schedulers'] = [\n"
    source += "".join(f"    {story['source']},\n" for story in stories) + "]\n"
    model = case.master.db.model
    stamps = await case.master.db.pool.do(
        lambda connection: {
            row["id"]: [row[key] for key in STAMP] for row in connection.execute(model.sourcestamps.select()).mappings()
        }
    )
    json.dump([source, stories, stamps], OUTPUT)


OUTPUT, sys.stdout = sys.stdout, sys.stderr
harness.run(main)
