"""Steps that put secrets into files of the worker, and remove them again."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.buildstep import FAILURE, SUCCESS, BuildStep
from buildbot.process.results import worst_status
from buildbot.steps.worker import CompositeStepMixin

__all__ = [
    "BuildStep",
    "CompositeStepMixin",
    "DownloadSecretsToWorker",
    "FAILURE",
    "RemoveWorkerFileSecret",
    "SUCCESS",
    "worst_status",
]

__getattr__ = elsewhere(__name__, "defer")


class DownloadSecretsToWorker(BuildStep, CompositeStepMixin):
    """Writes each (path, secret) into a file that only the worker's user reads."""

    renderables = ["secret_to_be_populated"]

    @recorded
    def __init__(self, populated_secret_list, **kwargs):
        super().__init__(**kwargs)
        self.secret_to_be_populated = populated_secret_list

    @runtime.native
    def runPopulateSecrets(self):
        """Writes the files."""

    @runtime.native
    def run(self):
        """Writes the files."""


class RemoveWorkerFileSecret(BuildStep, CompositeStepMixin):
    """Removes the file of each (path, secret)."""

    renderables = ["secret_to_be_populated"]

    @recorded
    def __init__(self, populated_secret_list, logEnviron=False, **kwargs):
        super().__init__(**kwargs)
        self.logEnviron = logEnviron
        self.secret_to_be_populated = populated_secret_list

    @runtime.native
    def runRemoveWorkerFileSecret(self):
        """Removes the files."""

    @runtime.native
    def run(self):
        """Removes the files."""
