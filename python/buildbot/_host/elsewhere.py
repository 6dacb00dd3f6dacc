"""Names that configurations find in a module although another one defines them.

They are imported when somebody asks for them::

    __getattr__ = elsewhere(__name__, "defer remotecommand WorkerSetupError")
"""

from __future__ import annotations

import importlib
import sys

# Name → the module it is an attribute of; what is missing here is a module of `buildbot.process`.
_OWNERS = {
    "config": "buildbot",
    "interfaces": "buildbot",
    "locks": "buildbot",
    "pbutil": "buildbot",
    "util": "buildbot",
    "buildstep": "buildbot.process",
    "plog": "buildbot.process.log:",
    "pkgutil": "buildbot.steps.package.util:",
    "ConfigErrors": "buildbot.config.errors",
    "check_param_bool": "buildbot.config.checks",
    "check_param_length": "buildbot.config.checks",
    "check_param_number_none": "buildbot.config.checks",
    "check_param_str": "buildbot.config.checks",
    "check_param_str_none": "buildbot.config.checks",
    "IRenderable": "buildbot.interfaces",
    "ITriggerableScheduler": "buildbot.interfaces",
    "WorkerSetupError": "buildbot.interfaces",
    "bytes2unicode": "buildbot.util",
    "unicode2bytes": "buildbot.util",
    "flatten": "buildbot.util",
    "join_list": "buildbot.util",
    "epoch2datetime": "buildbot.util",
    "debounce": "buildbot.util",
    "deferwaiter": "buildbot.util",
    "service": "buildbot.util",
    "eventually": "buildbot.util.eventual",
    "async_to_deferred": "buildbot.util.twisted",
    "LineBoundaryFinder": "buildbot.util.lineboundaries",
    "CompositeStepMixin": "buildbot.steps.worker",
    "Properties": "buildbot.process.properties",
    "StringFileWriter": "buildbot.process.remotetransfer",
    "get_real_locks_from_accesses": "buildbot.process.locks",
    "get_real_locks_from_accesses_raw": "buildbot.process.locks",
    "SUCCESS": "buildbot.process.results",
    "WARNINGS": "buildbot.process.results",
    "FAILURE": "buildbot.process.results",
    "SKIPPED": "buildbot.process.results",
    "EXCEPTION": "buildbot.process.results",
    "RETRY": "buildbot.process.results",
    "CANCELLED": "buildbot.process.results",
    "statusToString": "buildbot.process.results",
    "merge_reports_prop": "buildbot.reporters.utils",
    "merge_reports_prop_take_first": "buildbot.reporters.utils",
    "datetime2epoch": "buildbot.util",
    "giturlparse": "buildbot.util.giturlparse",
    "IConfigured": "buildbot.interfaces",
    "IHttpResponse": "buildbot.interfaces",
    "InvalidPathError": "buildbot.data.exceptions",
    "PullRequestMixin": "buildbot.util.pullrequest",
    "Notifier": "buildbot.util",
    "asyncSleep": "buildbot.util",
    "get_plugins": "buildbot.plugins.db",
    "Build": "buildbot.process.build",
    "BuildRequest": "buildbot.process.buildrequest",
    "dangerousCommand": "buildbot.reporters.words",
    "UsageError": "buildbot.reporters.words",
    "WebhookResource": "buildbot.reporters.words",
    "CollectedValidationError": "buildbot.schedulers.forcesched",
    "ForceScheduler": "buildbot.schedulers.forcesched",
    "BuildbotSite": "buildbot.www.service",
    "ReconfigurablePollingChangeSource": "buildbot.changes.base",
    "SecretProviderBase": "buildbot.secrets.providers.base",
    "CaptureCallbackError": "buildbot.errors",
    "warn_deprecated": "buildbot.warnings",
    "BZipCompressor": "buildbot.db.compression.native",
    "GZipCompressor": "buildbot.db.compression.native",
    "BrotliCompressor": "buildbot.db.compression.brotli",
    "LZ4Compressor": "buildbot.db.compression.lz4",
    "ZStdCompressor": "buildbot.db.compression.zstd",
    "CompressorInterface": "buildbot.db.compression.protocol",
    "getURLForBuild": "buildbot.reporters.utils",
    "getURLForBuildrequest": "buildbot.reporters.utils",
    "defer": "twisted.internet",
    "error": "twisted.internet",
    "reactor": "twisted.internet",
    "task": "twisted.internet",
    "threads": "twisted.internet",
    "utils": "twisted.internet",
    "log": "twisted.python",
    "failure": "twisted.python",
    "Failure": "twisted.python.failure",
    "formatdate": "email.utils",
}


def elsewhere(module, names):
    """The function `__getattr__` of `module`: finds `names` where they are defined."""
    known = frozenset(names.split())

    def find(name):
        if name not in known:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        owner = _OWNERS.get(name, "buildbot.process")
        if owner.startswith("twisted"):
            from buildbot._host.deferreds import defer_module

            defer_module()
        if owner.endswith(":"):
            value = importlib.import_module(owner[:-1])
        else:
            holder = importlib.import_module(owner)
            value = getattr(holder, name, None)
            if value is None:
                value = importlib.import_module(f"{owner}.{name}")
        setattr(sys.modules[module], name, value)
        return value

    return find
