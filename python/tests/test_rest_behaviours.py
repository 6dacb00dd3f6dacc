"""What users' code calls at load and run time does what it does in Buildbot 4.3.0.

Each script of ``behaviours`` prints what calls end with; it runs with the installed Buildbot and
with our package, and both have to print the same.
"""

import difflib
import os
import re
import subprocess
import tempfile
import unittest

import real_buildbot

FOLDER = os.path.join(real_buildbot.TESTS, "behaviours")

# Things that are the same and print differently.
_SAME = (
    (r" at 0x[0-9a-f]+", ""),
    (r"memory:[0-9a-f]+", ""),
    (r"id='\d+'", ""),
    (r"tzinfo=(tzlocal\(\)|tzutc\(\)|datetime\.timezone\.utc)", "UTC"),
    (
        r"tzinfo=(tzoffset\(None, -25200\)|"
        r"datetime\.timezone\(datetime\.timedelta\(days=-1, seconds=61200\)\))",
        "-07:00",
    ),
    (
        r"tzinfo=(tzoffset\(None, 7200\)|"
        r"datetime\.timezone\(datetime\.timedelta\(seconds=7200\)\))",
        "+02:00",
    ),
    (r"<function FieldBase\.<lambda>>|<built-in function eq>", "a function"),
    # Several Deferreds that are awaited together hide the failure in another one.
    (r"FirstError\[#0, (.*)\]", r"\1"),
    # Private attributes are one's own affair.
    (r"\('_[a-z_]+', None\), ", ""),
    (r"No such file or directory: b'", "No such file or directory: '"),
)


def output(script, ours):
    environment = dict(os.environ, PYTHONWARNINGS="ignore", TZ="UTC")
    environment.pop("PYTHONPATH", None)
    if ours:
        environment["PYTHONPATH"] = real_buildbot.PYTHON
    python = os.path.join(real_buildbot.venv(), "bin", "python")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, os.path.join(FOLDER, script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
            check=False,
        )
    if done.returncode != 0:
        raise AssertionError(f"{script} failed: {done.stderr[-4000:]}")
    text = done.stdout
    for pattern, replacement in _SAME:
        text = re.sub(pattern, replacement, text)
    return text.splitlines()


@real_buildbot.needs_it
class Behaviours(unittest.TestCase):
    maxDiff = None

    def test_calls_end_as_with_the_installed_buildbot(self):
        for script in sorted(os.listdir(FOLDER)):
            if not script.endswith(".py") or script == "shown.py":
                continue
            with self.subTest(script=script):
                real = output(script, ours=False)
                self.assertGreater(len(real), 5)
                differing = list(
                    difflib.unified_diff(real, output(script, ours=True), "real", "ours", n=0)
                )
                self.assertEqual([], differing[:40])


if __name__ == "__main__":
    unittest.main()
