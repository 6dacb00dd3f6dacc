"""Executes tac files as the worker does, and tells what they ask for.

Standard input: a JSON list of {"name", "text", "environ"}. Standard output: a JSON object with the
result of each by its name. The modules of Twisted and of the worker are replaced by stand-ins that
record their arguments, so that nothing but Python is needed.
"""

import contextlib
import io
import json
import os
import sys
import types
import warnings

warnings.simplefilter("ignore")
result = {}


class LogFile:
    def __init__(self, name, directory, rotateLength=1000000, defaultMode=None, maxRotatedFiles=None):
        self.target = {
            "path": os.path.join(directory, name),
            "rotate_length": rotateLength or None,
            "max_rotated_files": maxRotatedFiles,
        }

    @classmethod
    def fromFullPath(cls, filename, *args, **kwargs):
        return cls(os.path.basename(filename), os.path.dirname(filename), *args, **kwargs)


def target_of(stream):
    if isinstance(stream, LogFile):
        return stream.target
    if stream is sys.stdout:
        return "stdout"
    assert stream is sys.stderr
    return "stderr"


class FileLogObserver:
    def __init__(self, f):
        self.target = target_of(f)

    def emit(self, event):
        pass


def FilteringLogObserver(observer, predicates):
    return observer


ILogObserver = object()


class Application:
    def __init__(self, name):
        pass

    def setComponent(self, interface, component):
        assert interface is ILogObserver
        result["log"] = getattr(component, "__self__", component).target


class Service:
    def setServiceParent(self, parent):
        assert isinstance(parent, Application)
        result["attached"] = True


def number(value):
    return None if value is None else float(value)


class Worker(Service):
    def __init__(
        self, buildmaster_host, port, name, passwd, basedir, keepalive, keepaliveTimeout=None,
        umask=None, maxdelay=None, numcpus=None, unicode_encoding=None, protocol="pb", useTls=None,
        allow_shutdown=None, maxRetries=None, connection_string=None, path=None,
        delete_leftover_dirs=False, proxy_connection_string=None, *, usepty=None,
    ):
        # The seventh argument of older generations.
        if keepaliveTimeout in (True, False):
            usepty, keepaliveTimeout = keepaliveTimeout, None
        result["worker"] = {
            "master": connection_string or [buildmaster_host, int(port)],
            "name": name,
            "passwd": passwd,
            "basedir": basedir,
            "keepalive": number(keepalive or None),
            "keepalive_timeout": number(keepaliveTimeout or None),
            "umask": umask,
            "maxdelay": number(maxdelay),
            "numcpus": numcpus or None,
            "unicode_encoding": unicode_encoding,
            "protocol": protocol,
            "use_tls": bool(useTls),
            "allow_shutdown": allow_shutdown or None,
            "max_retries": maxRetries or None,
            "path": path,
            "delete_leftover_dirs": bool(delete_leftover_dirs),
            "proxy_connection_string": proxy_connection_string or None,
            "usepty": None if usepty is None else bool(usepty),
        }


class BuildSlave(Worker):
    def __init__(
        self, buildmaster_host, port, name, passwd, basedir, keepalive, usePTY,
        keepaliveTimeout=None, umask=None, maxdelay=None, numcpus=None, unicode_encoding=None,
        allow_shutdown=None,
    ):
        super().__init__(
            buildmaster_host, port, name, passwd, basedir, keepalive, keepaliveTimeout, umask,
            maxdelay, numcpus, unicode_encoding, allow_shutdown=allow_shutdown, usepty=usePTY,
        )


def module(path, **names):
    made = sys.modules[path] = types.ModuleType(path)
    for name, value in names.items():
        setattr(made, name, value)
    parent, _, last = path.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, made)


module("twisted")
module("twisted.application")
module("twisted.application.service", Application=Application)
module("twisted.python")
module("twisted.python.log", FileLogObserver=FileLogObserver, ILogObserver=ILogObserver)
module("twisted.python.logfile", LogFile=LogFile)
module(
    "twisted.logger",
    FilteringLogObserver=FilteringLogObserver,
    ILogObserver=ILogObserver,
    LogLevelFilterPredicate=object,
    textFileLogObserver=FileLogObserver,
)
module("buildbot_worker")
module("buildbot_worker.bot", Worker=Worker)
module("buildslave")
module("buildslave.bot", BuildSlave=BuildSlave)


def execute(case):
    global result
    result = {"log": None, "attached": False}
    os.environ.clear()
    os.environ.update(case["environ"])
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(case["text"], "buildbot.tac", "exec"), {"__file__": "buildbot.tac"})
    except BaseException as error:  # the test shows it
        result["error"] = f"{type(error).__name__}: {error}"
    result["environ"] = dict(os.environ)
    result["printed"] = printed.getvalue()
    return result


cases = json.load(sys.stdin)
results = {case["name"]: execute(case) for case in cases}
json.dump({"cpus": os.cpu_count(), "results": results}, sys.stdout)
