"""The step for repo, the tool of Android, and what says which changes it downloads."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.compare import ComparableMixin
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.steps.source.base import Source

__all__ = ["Repo", "RepoDownloadsFromChangeSource", "RepoDownloadsFromProperties", "Source"]

__getattr__ = elsewhere(
    __name__,
    "IRenderable buildstep defer implementer reactor remotecommand results util",
)


@provides("IRenderable")
class RepoDownloadsFromProperties(Described, ComparableMixin):
    """Renders to the downloads that stand in properties of these names."""

    _described_as_object = True

    parse_download_re = (
        re.compile(r"repo download ([^ ]+) ([0-9]+/[0-9]+)"),
        re.compile(r"([^ ]+) ([0-9]+/[0-9]+)"),
        re.compile(r"([^ ]+)/([0-9]+/[0-9]+)"),
    )
    compare_attrs = ("names",)

    @recorded
    def __init__(self, names):
        self.names = names

    def getRenderingFor(self, props):
        downloads = []
        for name in self.names:
            value = props.getProperty(name)
            if value is not None:
                downloads += self.parseDownloadProperty(value)
        return downloads

    def parseDownloadProperty(self, s):
        """The downloads in a text of any of the three forms, as `project change`."""
        if s is None:
            return []
        found = []
        for form in self.parse_download_re:
            match = form.search(s)
            while match:
                found.append(f"{match.group(1)} {match.group(2)}")
                s = s[: match.start()] + s[match.end() :]
                match = form.search(s)
        return found


@provides("IRenderable")
class RepoDownloadsFromChangeSource(Described, ComparableMixin):
    """Renders to the downloads of the build's changes that Gerrit reported."""

    _described_as_object = True

    compare_attrs = ("codebase",)

    @recorded
    def __init__(self, codebase=None):
        self.codebase = codebase

    def getRenderingFor(self, props):
        build = props.getBuild()
        if self.codebase is None:
            changes = build.allChanges()
        else:
            changes = build.getSourceStamp(self.codebase).changes
        downloads = []
        for change in changes:
            properties = change.properties
            if properties.getProperty("event.type") != "patchset-created":
                continue
            project = properties["event.change.project"]
            number = properties["event.change.number"]
            patch_set = properties["event.patchSet.number"]
            downloads.append(f"{project} {number}/{patch_set}")
        return downloads


class Repo(Source):
    """Fetches the repositories that a manifest names."""

    name = "repo"
    renderables = [
        "manifestURL",
        "manifestBranch",
        "manifestFile",
        "tarball",
        "jobs",
        "syncAllBranches",
        "updateTarballAge",
        "manifestOverrideUrl",
        "repoDownloads",
        "depth",
        "submodules",
    ]

    ref_not_found_re = re.compile(r"fatal: Couldn't find remote ref")
    cherry_pick_error_re = re.compile(
        r"|".join(
            [
                r"Automatic cherry-pick failed",
                r"error: fatal: possibly due to conflict resolution.",
            ]
        )
    )
    re_change = re.compile(r".* refs/changes/\d\d/(\d+)/(\d+) -> FETCH_HEAD$")
    re_head = re.compile(r"^HEAD is now at ([0-9a-f]+)...")
    # Mirrors may lag behind the server.
    mirror_sync_retry = 10
    mirror_sync_sleep = 60

    @recorded
    def __init__(
        self,
        manifestURL=None,
        manifestBranch="master",
        manifestFile="default.xml",
        tarball=None,
        jobs=None,
        syncAllBranches=False,
        updateTarballAge=7 * 24.0 * 3600.0,
        manifestOverrideUrl=None,
        repoDownloads=None,
        depth=0,
        submodules=False,
        syncQuietly=False,
        **kwargs,
    ):
        self.manifestURL = manifestURL
        self.manifestBranch = manifestBranch
        self.manifestFile = manifestFile
        self.tarball = tarball
        self.jobs = jobs
        self.syncAllBranches = syncAllBranches
        self.updateTarballAge = updateTarballAge
        self.manifestOverrideUrl = manifestOverrideUrl
        self.repoDownloads = [] if repoDownloads is None else repoDownloads
        self.depth = depth
        self.submodules = submodules
        self.syncQuietly = syncQuietly
        super().__init__(**kwargs)
        assert self.manifestURL is not None

    def computeSourceRevision(self, changes):
        return changes[-1].revision if changes else None

    @runtime.native
    def filterManifestPatches(self):
        """Sets changes of the manifest apart from those of the repositories."""

    @runtime.native
    def _repoCmd(self, command, abandonOnFailure=True, **kwargs):
        """Runs repo on the worker."""

    @runtime.native
    def _Cmd(self, command, abandonOnFailure=True, workdir=None, **kwargs):
        """Runs a command on the worker."""

    def repoDir(self):
        return self.build.path_module.join(self.workdir, ".repo")

    def sourcedirIsUpdateable(self):
        return self.pathExists(self.repoDir())

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""

    @runtime.native
    def doStartVC(self):
        """Fetches the sources."""

    @runtime.native
    def doClobberStart(self):
        """Removes all and begins anew."""

    @runtime.native
    def doRepoSync(self, forceClobber=False):
        """Syncs."""

    def _findErrorMessages(self, error_re):
        """Whether the output of the last command matches."""
        return any(
            error_re.search(text) for text in (self.lastCommand.stderr, self.lastCommand.stdout)
        )

    @runtime.native
    def _sleep(self, delay):
        """Waits."""

    @runtime.native
    def doRepoDownloads(self):
        """Downloads the changes."""

    def computeTarballOptions(self):
        """The options of tar for this kind of tarball."""
        for ending, options in _TAR_OPTIONS.items():
            if self.tarball.endswith(ending):
                return ["tar", *options]
        return ["tar"]

    @runtime.native
    def maybeExtractTarball(self):
        """Unpacks the tarball if there is one."""

    @runtime.native
    def maybeUpdateTarball(self):
        """Makes the tarball anew if it is too old."""

    @runtime.native
    def _getCleanupCommand(self):
        """The script that cleans all repositories."""

    @runtime.native
    def doCleanup(self):
        """Runs it."""


# Ending of the name → options, longer endings first.
_TAR_OPTIONS = {
    "pigz": ["-I", "pigz"],
    "gz": ["-z"],
    "bz2": ["-j"],
    "bz": ["-j"],
    "lzma": ["--lzma"],
    "lzop": ["--lzop"],
}
