"""What stands in for Twisted and zope.interface behaves as they do, as far as it goes."""

import os
import subprocess
import sys
import unittest

import real_buildbot

SCRIPT = os.path.join(real_buildbot.TESTS, "deferred_behaviours.py")


def run(python, path):
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path))
    return subprocess.run(
        [python, SCRIPT],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


class Deferreds(unittest.TestCase):
    def test_the_stand_in_behaves_as_described(self):
        standin = os.path.join(real_buildbot.PYTHON, "_standin")
        done = run(sys.executable, [standin, real_buildbot.PYTHON])
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_real_twisted_behaves_as_described(self):
        real_buildbot.require()
        done = run(os.path.join(real_buildbot.venv(), "bin", "python"), [])
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
