"""Lets the real Buildbot judge many configurations in one process.

Usage: judge.py BASEDIR FILE...; writes one JSON object per file on standard output, in order:
``{"file": …, "verdict": "good" | "errors" | "crash", "errors": [message…], "warnings": [message…]}``.
"""

import json
import os
import sys
import warnings

from buildbot.config.errors import ConfigErrors
from buildbot.config.master import FileLoader


def judge(basedir, file):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        errors = []
        try:
            FileLoader(basedir, file).loadConfig()
            verdict = "good"
        except ConfigErrors as found:
            verdict = "errors"
            errors = found.errors
        except BaseException as failure:
            verdict = "crash"
            errors = [f"{type(failure).__name__}: {failure}"]
    texts = [f"{w.category.__name__}: {w.message}" for w in caught]
    return {"file": file, "verdict": verdict, "errors": errors, "warnings": texts}


def main():
    basedir, *files = sys.argv[1:]
    os.chdir(basedir)
    for file in files:
        print(json.dumps(judge(basedir, file)), flush=True)


main()
