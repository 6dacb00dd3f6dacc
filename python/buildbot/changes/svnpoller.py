"""Finds changes by looking at a Subversion repository."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base
from buildbot.util import ComparableMixin

__getattr__ = elsewhere(__name__, "bytes2unicode defer log runprocess util")


def split_file_alwaystrunk(path):
    """Everything belongs to the default branch."""
    return {"path": path}


def split_file_branches(path):
    """`trunk/FILE` and `branches/NAME/FILE`: (branch, file), or None for what is neither."""
    parts = path.split("/")
    if len(parts) > 1 and parts[0] == "trunk":
        return (None, "/".join(parts[1:]))
    if len(parts) > 2 and parts[0] == "branches":
        return ("/".join(parts[:2]), "/".join(parts[2:]))
    return None


def split_file_projects_branches(path):
    """As `split_file_branches`, below a directory for each project."""
    project, slash, rest = path.partition("/")
    found = split_file_branches(rest) if slash else None
    if found is None:
        return None
    branch, file = found
    answer = {"project": project, "path": file}
    if branch:
        answer["branch"] = branch
    return answer


@with_private("_get_text", "_transform_path")
class SVNPoller(base.ReconfigurablePollingChangeSource, ComparableMixin):
    """Asks `svn log` for new revisions."""

    compare_attrs = (
        "repourl",
        "split_file",
        "svnuser",
        "svnpasswd",
        "project",
        "pollInterval",
        "histmax",
        "svnbin",
        "category",
        "cachepath",
        "pollAtLaunch",
        "pollRandomDelayMin",
        "pollRandomDelayMax",
    )
    secrets = ("svnuser", "svnpasswd")
    parent = None
    last_change = None
    loop = None

    def __init__(self, repourl: str, **kwargs):
        if kwargs.get("name") is None:
            kwargs["name"] = repourl
        super().__init__(repourl, **kwargs)

    @recorded
    def checkConfig(
        self,
        repourl: str,
        split_file=None,
        svnuser=None,
        svnpasswd=None,
        pollInterval: int = 10 * 60,
        histmax: int = 100,
        svnbin: str = "svn",
        revlinktmpl: str = "",
        category=None,
        project: str = "",
        cachepath: str | None = None,
        extra_args: list[str] | None = None,
        name: str | None = None,
        pollAtLaunch: bool = False,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
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
        split_file=None,
        svnuser=None,
        svnpasswd=None,
        pollInterval: int = 10 * 60,
        histmax: int = 100,
        svnbin: str = "svn",
        revlinktmpl: str = "",
        category=None,
        project: str = "",
        cachepath: str | None = None,
        extra_args: list[str] | None = None,
        name: str | None = None,
        pollAtLaunch: bool = False,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
        self.repourl = repourl[:-1] if repourl.endswith("/") else repourl
        self.extra_args = extra_args
        self.split_file = split_file or split_file_alwaystrunk
        self.svnuser = svnuser
        self.svnpasswd = svnpasswd
        self.revlinktmpl = revlinktmpl
        self.svnbin = svnbin
        self.histmax = histmax
        self.category = category
        self.project = project
        self.cachepath = cachepath
        return super().reconfigService(
            name=name,
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
            pollRandomDelayMin=pollRandomDelayMin,
            pollRandomDelayMax=pollRandomDelayMax,
        )

    def describe(self):
        return f"SVNPoller: watching {self.repourl}"

    @by_master
    def poll(self): ...

    @by_master
    def get_prefix(self): ...

    @by_master
    def get_logs(self): ...

    @by_master
    def parse_logs(self, output): ...

    @by_master
    def get_new_logentries(self, logentries): ...

    @by_master
    def create_changes(self, new_logentries): ...

    @by_master
    def submit_changes(self, changes): ...

    @by_master
    def finished_ok(self): ...
