"""A folder for secrets that is removed afterwards."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile


class PrivateTemporaryDirectory:
    """Works like `tempfile.TemporaryDirectory`, with a mode of its own."""

    def __init__(self, suffix=None, prefix=None, dir=None, mode=0o700):
        self.name = tempfile.mkdtemp(suffix, prefix, dir)
        self.mode = mode
        self._cleanup_needed = True

    def __enter__(self):
        return self.name

    def __exit__(self, exc, value, tb):
        self.cleanup()

    def cleanup(self):
        if not self._cleanup_needed:
            return

        def make_writable_and_try_again(remove, path, _):
            os.chmod(path, stat.S_IWRITE)
            remove(path)

        shutil.rmtree(self.name, onerror=make_writable_and_try_again)
        self._cleanup_needed = False
