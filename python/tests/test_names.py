"""Every name of Buildbot 4.3.0 can be imported, and what can be called takes the same arguments."""

import json
import os
import unittest

import real_buildbot

# Differences that are meant: key or key and method → why.
_OWN_WORDS = "a text of ours that serves the same purpose"
EXPECTED = {
    "buildbot.reporters.message.default_body_template_html": _OWN_WORDS,
    "buildbot.reporters.message.default_body_template_plain": _OWN_WORDS,
    "buildbot.reporters.message.default_subject_template": _OWN_WORDS,
    "buildbot.reporters.words.GREETINGS": _OWN_WORDS,
    "buildbot.util.misc.cancelAfter.call": "the default is a reactor that runs",
    "buildbot.process.metrics.periodicCheck.call": "the default is a reactor that runs",
    "buildbot.steps.source.git.git_describe_flags": "functions",
}


def names():
    with open(os.path.join(real_buildbot.TESTS, "names.json"), encoding="utf-8") as file:
        return json.load(file)


def differences(ours, real):
    """Lines about what ours lacks or has otherwise than the real one."""
    for key, theirs in real.items():
        found = ours.get(key)
        if key in EXPECTED or theirs["is"] != "there":
            continue
        if found is None:
            module = key.rpartition(".")[0]
            reason = ours.get(module, {}).get("text", "its module cannot be imported")
            yield f"{key}: {reason}"
        elif found["is"] != "there":
            yield f"{key}: {found['is']} {found.get('text', '')}"
        else:
            yield from _differing(key, found, theirs)


def _differing(key, found, theirs):
    if theirs["kind"] in ("class", "function", "constant") and found["kind"] != theirs["kind"]:
        yield f"{key}: is a {found['kind']}, not a {theirs['kind']}"
        return
    if theirs["kind"] == "constant" and found["value"] != theirs["value"]:
        yield f"{key}: is {found['value']}, not {theirs['value']}"
    for part in ("call", "__init__", "checkConfig", "reconfigService"):
        wanted = theirs.get(part)
        if wanted is None or f"{key}.{part}" in EXPECTED:
            continue
        given = found.get(part)
        if given != wanted:
            yield f"{key} {part}:\n      ours {_text(given)}\n      real {_text(wanted)}"


def _text(signature):
    if signature is None:
        return "none"
    words = []
    for name, kind, default in signature:
        star = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(kind, "")
        keyword = " (by keyword)" if kind == "KEYWORD_ONLY" else ""
        words.append(f"{star}{name}{keyword}{' ' + default if default else ''}")
    return ", ".join(words)


@real_buildbot.needs_it
class Names(unittest.TestCase):
    maxDiff = None

    def test_names_and_signatures_are_those_of_the_installed_buildbot(self):
        wanted = names()
        ours = real_buildbot.run("look_at_names.py", wanted, ours=True)
        real = real_buildbot.run("look_at_names.py", wanted, ours=False)
        found = sorted(set(differences(ours, real)))
        if found:
            self.fail(f"{len(found)} differences:\n  " + "\n  ".join(found))


if __name__ == "__main__":
    unittest.main()
