"""What the configurations beside this file have in common."""

from buildbot.plugins import *

__all__ = [
    "builder",
    "changes",
    "good",
    "reporters",
    "schedulers",
    "secrets",
    "steps",
    "trigger",
    "util",
    "worker",
]


def builder(**arguments):
    """A builder that is good but for these arguments."""
    usual = {
        "name": "b1",
        "workernames": ["w1"],
        "factory": util.BuildFactory([steps.ShellCommand(command=["make"])]),
    }
    return util.BuilderConfig(**{**usual, **arguments})


def trigger(**arguments):
    """A scheduler that is good but for these arguments."""
    return schedulers.Triggerable(**{"name": "t", "builderNames": ["b1"], **arguments})


def good():
    """A configuration to spoil."""
    return {
        "buildbotNetUsageData": None,
        "workers": [worker.Worker("w1", "pass")],
        "protocols": {"pb": {"port": 9989}},
        "builders": [builder()],
        "schedulers": [schedulers.ForceScheduler(name="force", builderNames=["b1"])],
    }
