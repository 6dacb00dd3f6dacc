"""Writes cron fields and instants made at random, with when the real Nightly acts next: `SEED COUNT`."""

import json
import os
import random
import sys
import time
import warnings

warnings.simplefilter("ignore")

from twisted.internet import defer  # noqa: E402

from buildbot.schedulers import timed  # noqa: E402

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
]
NAMES = {
    "month": "jan feb mar apr may jun jul aug sep oct nov dec".split(),
    "day_of_week": "sun mon tue wed thu fri sat".split(),
}
RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month": (1, 12),
    "day_of_week": (0, 7),
}


def item(rnd, kind):
    low, high = RANGES[kind]
    number = lambda: str(rnd.randint(low, high + rnd.choice([0, 0, 0, 0, 0, 0, 1])))  # noqa: E731
    name = lambda: rnd.choice(NAMES.get(kind, ["x"]))  # noqa: E731
    one = lambda: name() if kind in NAMES and rnd.random() < 0.3 else number()  # noqa: E731
    forms = [
        number,
        number,
        one,
        lambda: f"{one()}-{one()}",
        lambda: f"{one()}-{one()}/{rnd.randint(1, 6)}",
        lambda: f"*/{rnd.randint(1, 20)}",
        lambda: f"{one()}/{rnd.randint(1, 9)}",
        lambda: rnd.choice(["*", "*", "?", "", "-1", "1-", "*/0", "5/x", "L", "1-L", "W", " "]),
    ]
    if kind == "day_of_month":
        forms += [lambda: "L", lambda: f"{number()}w", lambda: f"w{number()}", lambda: "15-l"]
    if kind == "day_of_week":
        forms += [
            lambda: f"{one()}#{rnd.randint(1, 5)}",
            lambda: f"{one()}#{rnd.randint(0, 6)}",
            lambda: f"L{rnd.randint(0, 7)}",
            lambda: f"{name()}-{name()}#{rnd.randint(1, 4)}",
        ]
    text = rnd.choice(forms)()
    return text.upper() if rnd.random() < 0.05 else text


def field(rnd, kind):
    low, high = RANGES[kind]
    if kind == "day_of_week":
        high = 6
    roll = rnd.random()
    if roll < 0.3:
        return "*"
    if roll < 0.45:
        return rnd.randint(low, high)
    if roll < 0.6:
        return sorted(rnd.sample(range(low, high + 1), rnd.randint(1, 5)))
    if roll < 0.9:
        return item(rnd, kind)
    return ",".join(item(rnd, kind) for _ in range(rnd.randint(2, 4)))


def main(seed, count):
    rnd = random.Random(seed)
    nightly = timed.Nightly(name="n", builderNames=["b"])
    cases = []
    edges = [1710053999, 1730613600, 1711846800, 1729990800, 1712415600, 951782400, 1709164800]
    for _ in range(count):
        zone = rnd.choice(ZONES)
        os.environ["TZ"] = zone
        time.tzset()
        fields = [field(rnd, kind) for kind in RANGES]
        if rnd.random() < 0.4:
            at = rnd.choice(edges) + rnd.randint(-100000, 100000)
        else:
            at = rnd.randint(0, 2**32)
        try:
            line = nightly._times_to_cron_line(*fields)
            nightly.cronLine = line
            now = at
            nightly.now = lambda now=now: now
            names = ("minute", "hour", "dayOfMonth", "month", "dayOfWeek")
            for name, value in zip(names, fields):
                setattr(nightly, name, value)
            found = []
            deferred = defer.maybeDeferred(nightly.getNextBuildTime, at)
            deferred.addBoth(found.append)
            found = found[0]
            if not isinstance(found, float):
                found = None
        except Exception:
            found = line = None
        cases.append({"zone": zone, "fields": fields, "at": at, "line": line, "next": found})
    json.dump(cases, sys.stdout)


main(int(sys.argv[1]), int(sys.argv[2]))
