"""Finds changes by looking at a Mercurial repository."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base
from buildbot.config.errors import error as config_error
from buildbot.util.state import StateMixin

__getattr__ = elsewhere(__name__, "bytes2unicode config defer deferredLocked log runprocess")


def _no_link(branch, revision):
    return ""


@with_private(
    "_absWorkdir",
    "_getChanges",
    "_getCurrentRev",
    "_setCurrentRev",
    "_getHead",
    "_getRevNodeList",
    "_initRepository",
    "_isRepositoryReady",
    "_processChanges",
    "_processBranchChanges",
    "_stopOnFailure",
)
class HgPoller(base.ReconfigurablePollingChangeSource, StateMixin):
    """Pulls branches and bookmarks of a remote repository and adds their new commits."""

    compare_attrs = (
        "repourl",
        "branch",
        "branches",
        "bookmarks",
        "workdir",
        "pollInterval",
        "hgpoller",
        "usetimestamps",
        "category",
        "project",
        "pollAtLaunch",
        "pollRandomDelayMin",
        "pollRandomDelayMax",
    )
    db_class_name = "HgPoller"

    def __init__(self, repourl: str, **kwargs):
        branches = self.build_branches(kwargs.get("branch"), kwargs.get("branches"))
        kwargs["name"] = self.build_name(
            kwargs.get("name"), repourl, kwargs.get("bookmarks"), branches
        )
        super().__init__(repourl, **kwargs)

    @recorded
    def checkConfig(
        self,
        repourl: str,
        branch: str | None = None,
        branches: list[str] | None = None,
        bookmarks: list[str] | None = None,
        workdir: str | None = None,
        pollInterval: int = 10 * 60,
        hgbin: str = "hg",
        usetimestamps: bool = True,
        category=None,
        project: str = "",
        encoding: str = "utf-8",
        name: str | None = None,
        pollAtLaunch: bool = False,
        revlink=_no_link,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
        if branch and branches:
            config_error("HgPoller: can't specify both branch and branches")
        if not callable(revlink):
            config_error("You need to provide a valid callable for revlink")
        if workdir is None:
            config_error("workdir is mandatory for now in HgPoller")
        super().checkConfig(
            name=name,
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
            pollRandomDelayMin=pollRandomDelayMin,
            pollRandomDelayMax=pollRandomDelayMax,
        )

    def reconfigService(
        self,
        repourl: str,
        branch: str | None = None,
        branches: list[str] | None = None,
        bookmarks: list[str] | None = None,
        workdir: str | None = None,
        pollInterval: int = 10 * 60,
        hgbin: str = "hg",
        usetimestamps: bool = True,
        category=None,
        project: str = "",
        encoding: str = "utf-8",
        name: str | None = None,
        pollAtLaunch: bool = False,
        revlink=_no_link,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
        self.repourl = repourl
        self.branches = self.build_branches(branch, branches)
        self.bookmarks = bookmarks or []
        name = self.build_name(name, repourl, self.bookmarks, self.branches)
        if not self.branches and not self.bookmarks:
            self.branches = ["default"]
        self.workdir = workdir
        self.hgbin = hgbin
        self.usetimestamps = usetimestamps
        self.category = category
        self.project = project
        self.encoding = encoding
        self.revlink_callable = revlink
        self.lastRev = {}
        return super().reconfigService(
            name=name,
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
            pollRandomDelayMin=pollRandomDelayMin,
            pollRandomDelayMax=pollRandomDelayMax,
        )

    def build_name(self, name, repourl, bookmarks, branches):
        if name:
            return name
        lists = ("_".join(names) for names in (bookmarks, branches) if names)
        watched = "_".join(lists)
        return f"{repourl}_{watched}" if watched else repourl

    def build_branches(self, branch, branches):
        if branch:
            return [branch]
        return branches or []

    def describe(self):
        text = f"HgPoller watching the remote Mercurial repository '{self.repourl}'"
        if self.branches:
            text += f", branches: {', '.join(self.branches)}"
        if self.bookmarks:
            text += f", bookmarks: {', '.join(self.bookmarks)}"
        text += f", in workdir '{self.workdir}'"
        return text if self.active else f"{text} [STOPPED - check log]"

    @by_master
    def activate(self): ...

    @by_master
    def poll(self): ...

    @by_master
    def _getRevDetails(self, rev): ...
