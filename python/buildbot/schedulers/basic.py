"""Schedulers that build what changed."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes.filter import ChangeFilter
from buildbot.config.errors import error as config_error
from buildbot.schedulers import base
from buildbot.util import NotABranch
from buildbot.util.codebase import AbsoluteSourceStampsMixin

__all__ = [
    "AbsoluteSourceStampsMixin",
    "AnyBranchScheduler",
    "BaseBasicScheduler",
    "ChangeFilter",
    "Dependent",
    "NotABranch",
    "Scheduler",
    "SingleBranchScheduler",
    "base",
]

_REASON = "The %(classname)s scheduler named '%(name)s' triggered this build"


_elsewhere = elsewhere(__name__, "changes config defer dependent log util warn_deprecated")


def __getattr__(name):
    if name == "Dependent":
        import warnings

        from buildbot.schedulers.dependent import Dependent

        warnings.warn(
            "buildbot.schedulers.basic.Dependent was deprecated in buildbot 4.3.0: "
            "Use buildbot.schedulers.dependent.Dependent",
            DeprecationWarning,
            stacklevel=2,
        )
        return Dependent
    return _elsewhere(name)


class BaseBasicScheduler(base.ReconfigurableBaseScheduler):
    """Builds changes at once, or when none came for a while."""

    compare_attrs = (
        "treeStableTimer",
        "change_filter",
        "fileIsImportant",
        "onlyImportant",
        "reason",
    )

    fileIsImportant = None
    reason = ""

    class NotSet:
        """Stands for an argument that was not given."""

    def __init__(self, name, **kwargs):
        super().__init__(name=name, **kwargs)

    @recorded
    def checkConfig(
        self,
        shouldntBeSet=NotSet,
        treeStableTimer=None,
        builderNames=None,
        branch=NotABranch,
        branches=NotABranch,
        fileIsImportant=None,
        categories=None,
        reason=_REASON,
        change_filter=None,
        onlyImportant=False,
        **kwargs,
    ):
        if shouldntBeSet is not self.NotSet:
            config_error("pass arguments to schedulers using keyword arguments")
        if fileIsImportant and not callable(fileIsImportant):
            config_error("fileIsImportant must be a callable")
        super().checkConfig(builderNames=builderNames, **kwargs)

    def reconfigService(
        self,
        shouldntBeSet=NotSet,
        treeStableTimer=None,
        builderNames=None,
        branch=NotABranch,
        branches=NotABranch,
        fileIsImportant=None,
        categories=None,
        reason=_REASON,
        change_filter=None,
        onlyImportant=False,
        **kwargs,
    ):
        answer = super().reconfigService(builderNames=builderNames, **kwargs)
        self.treeStableTimer = treeStableTimer
        if fileIsImportant is not None:
            self.fileIsImportant = fileIsImportant
        self.onlyImportant = onlyImportant
        self.change_filter = self.getChangeFilter(branch, branches, change_filter, categories)
        self.reason = reason % {"name": self.name, "classname": type(self).__name__}
        return answer

    def getChangeFilter(self, branch, branches, change_filter, categories):
        raise NotImplementedError

    def getTimerNameForChange(self, change):
        raise NotImplementedError

    def getChangeClassificationsForTimer(self, sched_id, timer_name):
        raise NotImplementedError

    @by_master
    def gotChange(self, change, important): ...

    @by_master
    def scanExistingClassifiedChanges(self): ...

    @by_master
    def stableTimerFired(self, timer_name): ...


class SingleBranchScheduler(AbsoluteSourceStampsMixin, BaseBasicScheduler):
    """Builds the changes of one branch, or of those that a filter accepts."""

    createAbsoluteSourceStamps = None

    @recorded
    def checkConfig(self, createAbsoluteSourceStamps=False, **kwargs):
        super().checkConfig(**kwargs)

    def reconfigService(self, createAbsoluteSourceStamps=False, **kwargs):
        answer = super().reconfigService(**kwargs)
        self.createAbsoluteSourceStamps = createAbsoluteSourceStamps
        return answer

    def getChangeFilter(self, branch, branches, change_filter, categories):
        if branch is NotABranch and not change_filter:
            config_error(
                "the 'branch' argument to SingleBranchScheduler is mandatory unless "
                "change_filter is provided"
            )
        elif branches is not NotABranch:
            config_error("the 'branches' argument is not allowed for SingleBranchScheduler")
        return ChangeFilter.fromSchedulerConstructorArgs(
            change_filter=change_filter, branch=branch, categories=categories
        )

    def getTimerNameForChange(self, change):
        return "only"

    @by_master
    def gotChange(self, change, important): ...

    @by_master
    def getCodebaseDict(self, codebase): ...

    @by_master
    def getChangeClassificationsForTimer(self, sched_id, timer_name): ...


class Scheduler(SingleBranchScheduler):
    """The old name of `SingleBranchScheduler`."""

    def __init__(self, *args, **kwargs):
        from buildbot.warnings import warn_deprecated

        warn_deprecated(
            "4.3.0",
            "the name 'Scheduler' is deprecated; use "
            "buildbot.schedulers.basic.SingleBranchScheduler instead",
        )
        super().__init__(*args, **kwargs)


class AnyBranchScheduler(BaseBasicScheduler):
    """Builds the changes of each branch by themselves."""

    def getChangeFilter(self, branch, branches, change_filter, categories):
        assert branch is NotABranch
        return ChangeFilter.fromSchedulerConstructorArgs(
            change_filter=change_filter, branch=branches, categories=categories
        )

    def getTimerNameForChange(self, change):
        return (change.codebase, change.project, change.repository, change.branch)

    @by_master
    def getChangeClassificationsForTimer(self, sched_id, timer_name): ...
