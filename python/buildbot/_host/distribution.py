"""Tells ``importlib.metadata`` that Buildbot is installed, in our version.

Packages ask for the version of the distribution ``buildbot``. When the real one is installed as
well, ours comes before it, so that its entry points are not taken for those of a plug-in.
"""

from __future__ import annotations

from importlib import metadata


class _Ours(metadata.Distribution):
    def read_text(self, filename):
        import buildbot

        if filename in ("METADATA", "PKG-INFO"):
            return f"Metadata-Version: 2.1\nName: buildbot\nVersion: {buildbot.version}\n"
        return None

    def locate_file(self, path):
        import os
        import pathlib

        import buildbot

        return pathlib.Path(os.path.dirname(os.path.dirname(buildbot.__file__)), path)


def find(context):
    """The distributions of this name (of any, when `context` has none)."""
    name = getattr(context, "name", None)
    if name is None or name.lower().replace("_", "-") == "buildbot":
        yield _Ours()
