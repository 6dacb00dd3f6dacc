"""Compares the renderables of our package with those of the real Buildbot.

Run as ``compare_package.py SEED COUNT`` with a Python that has the real Buildbot. The same values
are evaluated by both, each in a process of its own; what differs in value, in class of exception
or in hidden secrets is printed, and the exit code tells whether anything did.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
package = here.parents[3] / "python"


def cases(seed, count, path):
    command = [sys.executable, "-B", str(here / "oracle.py"), seed, count]
    environ = dict(os.environ, PYTHONPATH=path)
    asked = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    return json.loads(asked.stdout)["cases"]


def comparable(case):
    """What must be equal: everything but addresses and messages.

    What else was evaluated before a failure was noticed, secrets among it, is free.
    """
    expected = {key: case["expected"][key] for key in case["expected"] if key != "message"}
    cleaned = None if "error" in expected else case["cleaned"]
    text = json.dumps([case["value"], case["context"], expected, cleaned], sort_keys=True)
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def main(seed, count):
    different = 0
    for real, ours in zip(cases(seed, count, ""), cases(seed, count, str(package))):
        if comparable(real) != comparable(ours):
            different += 1
            print(json.dumps(real["value"]))
            print("  real:", json.dumps([real["expected"], real["cleaned"]]))
            print("  ours:", json.dumps([ours["expected"], ours["cleaned"]]))
    print(f"{different} of {count} values differ")
    return different > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
