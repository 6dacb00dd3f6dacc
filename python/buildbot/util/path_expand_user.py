"""Expands `~` in paths of a worker, with the worker's environment."""

from __future__ import annotations

import ntpath
import os
import posixpath


def posix_expanduser(path, worker_environ):
    """As on Unix; homes of other users are those of this machine."""
    path = os.fspath(path)
    if not path.startswith("~"):
        return path
    user, slash, rest = path[1:].partition("/")
    if not user and "HOME" in worker_environ:
        home = worker_environ["HOME"]
    else:
        import pwd

        try:
            home = (pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())).pw_dir
        except KeyError:
            return path
    return (home.rstrip("/") + slash + rest) or posixpath.sep


def nt_expanduser(path, worker_environ):
    """As on Windows; homes of other users lie beside the known one."""
    path = os.fspath(path)
    if not path.startswith("~"):
        return path
    end = 1
    while end < len(path) and path[end] not in "\\/":
        end += 1
    if "USERPROFILE" in worker_environ:
        home = worker_environ["USERPROFILE"]
    elif "HOMEPATH" in worker_environ:
        home = ntpath.join(worker_environ.get("HOMEDRIVE", ""), worker_environ["HOMEPATH"])
    else:
        return path
    user = path[1:end]
    known = worker_environ.get("USERNAME")
    if user and user != known:
        if known != ntpath.basename(home):
            return path
        home = ntpath.join(ntpath.dirname(home), user)
    return home + path[end:]
