"""The command line of the host."""

from __future__ import annotations

import sys

VERSION = 1


def main(arguments):
    options = _options(arguments)
    from buildbot._host import standin

    standin.install()
    # What configurations see is the program that they know.
    sys.argv[:] = ["buildbot"]
    if "describe" in options:
        _describe(options)
        return
    if options.get("version", str(VERSION)) != str(VERSION):
        sys.stderr.write(
            f"this host speaks version {VERSION} of its format, "
            f"the master wants {options['version']}\n"
        )
        sys.exit(64)
    from buildbot._host.rpc import Host

    # The real `__main__` is this program; configurations that look for theirs find an empty one.
    Host(int(options["fd"])).run()


def _options(arguments):
    options = {}
    rest = list(arguments)
    while rest:
        name = rest.pop(0)
        if name in ("--fd", "--describe", "--basedir", "--version") and rest:
            options[name[2:]] = rest.pop(0)
        else:
            _usage()
    if "fd" not in options and "describe" not in options:
        _usage()
    return options


def _usage():
    sys.stderr.write(
        "usage: host.py --fd N [--version N]\n       host.py --describe FILE [--basedir DIR]\n"
    )
    sys.exit(64)


def _describe(options):
    import json
    import os

    from buildbot._host.load import load

    path = os.path.abspath(options["describe"])
    basedir = options.get("basedir") or os.path.dirname(path)
    description = load(basedir, path).description
    json.dump(description, sys.stdout, indent=1)
    sys.stdout.write("\n")
    sys.stdout.flush()
    os._exit(1 if description["fatal"] or description["errors"] else 0)
