"""The installed Buildbot 4.3.0 that tests compare with: ``$BUILDBOT_VENV``, else ``.venv``."""

import functools
import json
import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.dirname(TESTS)


def venv():
    given = os.environ.get("BUILDBOT_VENV")
    return given or os.path.join(os.path.dirname(PYTHON), ".venv")


@functools.lru_cache(maxsize=None)
def is_installed():
    return os.path.exists(os.path.join(venv(), "bin", "python"))


def needs_it(cls):
    """Class decorator: the tests fail, rather than being skipped, without the real Buildbot."""
    before = cls.setUp

    def setUp(self):
        require()
        before(self)

    cls.setUp = setUp
    return cls


def require():
    if not is_installed():
        raise AssertionError("needs the real Buildbot: run tests/prepare, or set BUILDBOT_VENV")


def run(script, question, ours, real_python=False):
    """What `script` (of this folder) answers to `question`, with our package or the real one."""
    environment = dict(os.environ, PYTHONWARNINGS="ignore")
    environment.pop("PYTHONPATH", None)
    if ours:
        environment["PYTHONPATH"] = PYTHON
    # The same Python for both: messages of Python itself differ between versions.
    python = os.path.join(venv(), "bin", "python")
    if ours and not is_installed():
        python = sys.executable
    done = subprocess.run(
        [python, os.path.join(TESTS, script)],
        input=json.dumps(question),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=TESTS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{script} failed: {done.stderr[-4000:]}")
    return json.loads(done.stdout)
