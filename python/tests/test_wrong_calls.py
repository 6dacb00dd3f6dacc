"""Calls with wrong arguments end as in Buildbot 4.3.0: same exception, same text.

Each file of ``wrong_calls`` is a list of pieces of Python; an object ``{"code", "differs"}`` says
why a piece ends otherwise on purpose. `evaluate_calls.py` executes them, both while problems are
collected and while they are raised.
"""

import json
import os
import unittest

import real_buildbot

FOLDER = os.path.join(real_buildbot.TESTS, "wrong_calls")
AT_LEAST = 300


def cases():
    """All pieces: name → (code, why it differs or None)."""
    found = {}
    for name in sorted(os.listdir(FOLDER)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            for index, case in enumerate(json.load(file)):
                code = case if isinstance(case, str) else case["code"]
                differs = None if isinstance(case, str) else case.get("differs")
                found[f"{name[:-5]} {index}: {code}"] = (code, differs)
    return found


def ending(outcome):
    """What is compared of an outcome: not the value, nor attributes of it."""
    return {name: outcome[name] for name in ("type", "text", "collected", "warnings")}


@real_buildbot.needs_it
class WrongCalls(unittest.TestCase):
    maxDiff = None

    def test_wrong_calls_end_as_in_the_installed_buildbot(self):
        wanted = cases()
        question = [{"name": name, "code": code} for name, (code, _why) in wanted.items()]
        ours = real_buildbot.run("evaluate_calls.py", question, ours=True)
        real = real_buildbot.run("evaluate_calls.py", question, ours=False)
        found = []
        wrong = 0
        for name, (_code, differs) in wanted.items():
            for way in ("captured", "raised"):
                mine, theirs = ending(ours[name][way]), ending(real[name][way])
                if mine != theirs and not differs:
                    found.append(f"{name}\n    {way}\n      ours {mine}\n      real {theirs}")
            theirs = real[name]["captured"]
            wrong += bool(theirs["type"] or theirs["collected"])
        if found:
            self.fail(f"{len(found)} differences:\n  " + "\n  ".join(found))
        self.assertGreaterEqual(wrong, AT_LEAST, "there have to be more wrong calls")


if __name__ == "__main__":
    unittest.main()
