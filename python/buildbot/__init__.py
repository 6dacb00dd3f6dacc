"""The package that configurations of Buildbot import: it describes, the master carries out."""

version = "4.3.0"
__version__ = version


def getVersion(init_file):
    """The version of a plugin that names itself by its file.

    `$BUILDBOT_VERSION`, else the file `VERSION` beside it, else Buildbot's own.
    """
    import os

    named = os.environ.get("BUILDBOT_VERSION")
    if named is not None:
        return named
    try:
        path = os.path.join(os.path.dirname(os.path.abspath(init_file)), "VERSION")
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return version
