"""Where the parts of a web front end lie that are installed beside us.

Nothing of them is imported: a part is an entry point of the group ``buildbot.www``, and its files lie in the
folder ``static`` of its package.
"""

from __future__ import annotations

import os
from importlib import metadata
from importlib.machinery import PathFinder

from buildbot.plugins import db


def parts():
    """Name, distribution, version and folder of each part, in the order in which Python finds them."""
    found = []
    seen = set()
    for entry in db._others().get("buildbot.www", ()):
        if entry.name in seen:
            continue
        seen.add(entry.name)
        distribution, version = db._distribution_info(entry)
        found.append(
            {
                "name": entry.name,
                "distribution": distribution,
                "version": version,
                "static": _static_folder(entry.module),
            }
        )
    return found


def twisted_version():
    """The version of the Twisted that is installed, or None."""
    try:
        return metadata.version("Twisted")
    except metadata.PackageNotFoundError:
        return None


def _static_folder(module):
    """The folder ``static`` of the package that is `module` or holds it; None when it has none."""
    path = None
    folder = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        try:
            spec = PathFinder.find_spec(name, path)
        except (ImportError, ValueError):
            break
        if spec is None or not spec.submodule_search_locations:
            break
        path = list(spec.submodule_search_locations)
        folder = path[0]
    if folder is None:
        return None
    static = os.path.join(os.path.abspath(folder), "static")
    return static if os.path.isdir(static) else None
