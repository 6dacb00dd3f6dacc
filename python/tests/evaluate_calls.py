"""Evaluates pieces of Python against whichever `buildbot` package is importable; see wrong_calls.py.

Reads a JSON list of `{"name", "code"}` from standard input, writes a JSON object: name →
`{"captured": outcome, "raised": outcome}`. The piece is a number of statements; the value of the
last one, when that is an expression, is described by its attributes.
"""

import ast
import json
import re
import sys
import warnings


def describe(value):
    if value is None:
        return None
    attributes = getattr(value, "__dict__", None)
    if attributes is None or isinstance(value, type):
        return plain(value)
    described = {}
    for name in sorted(attributes):
        if not name.startswith("_"):
            described[name] = plain(attributes[name])
    return described


def plain(value):
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    text = re.sub(r"_BuildStepWrapperMixin__|<twisted\.[\w.]+\.(\w+) object>", r"\1", text)
    return text


def run(code):
    tree = ast.parse(code)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    names = {"__name__": "case"}
    exec(compile(tree, "case.py", "exec"), names)
    if last is not None:
        return eval(compile(last, "case.py", "eval"), names)
    return None


def evaluate(code, capture):
    from buildbot.config.errors import ConfigErrors, capture_config_errors

    outcome = {"value": None, "type": None, "text": None, "collected": []}
    collected = None
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            if capture:
                with capture_config_errors() as collected:
                    outcome["value"] = describe(run(code))
            else:
                outcome["value"] = describe(run(code))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is compared
            outcome["type"] = type(error).__name__
            outcome["text"] = plain(str(error))
            if isinstance(error, ConfigErrors):
                outcome["text"] = error.errors
    if collected is not None:
        outcome["collected"] = list(collected.errors)
    outcome["warnings"] = sorted(
        f"{type(w.message).__name__}: {w.message}"
        for w in seen
        if "buildbot" in type(w.message).__module__
        or ("DeprecationWarning" == type(w.message).__name__ and "buildbot" in str(w.message))
    )
    return outcome


def main():
    answers = {}
    for case in json.load(sys.stdin):
        answers[case["name"]] = {
            "captured": evaluate(case["code"], True),
            "raised": evaluate(case["code"], False),
        }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
