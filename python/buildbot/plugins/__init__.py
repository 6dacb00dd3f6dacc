"""What most configurations import: ``steps``, ``util``, ``schedulers`` and so on."""

from buildbot.plugins.db import get_plugins

__all__ = [
    "changes",
    "reporters",
    "schedulers",
    "secrets",
    "statistics",
    "steps",
    "util",
    "webhooks",
    "worker",
]


class _Statistics:
    """The package ``buildbot.statistics``, imported when something of it is used."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        import buildbot.statistics

        value = getattr(buildbot.statistics, name)
        self.__dict__[name] = value
        return value


changes = get_plugins("changes", "IChangeSource")
schedulers = get_plugins("schedulers", "IScheduler")
steps = get_plugins("steps", "IBuildStep")
util = get_plugins("util")
reporters = get_plugins("reporters")
secrets = get_plugins("secrets")
webhooks = get_plugins("webhooks")
worker = get_plugins("worker", "IWorker")
statistics = _Statistics()
