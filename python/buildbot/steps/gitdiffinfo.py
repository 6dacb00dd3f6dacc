"""The step that stores what a build's revision changes."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process import buildstep

__all__ = [
    "GitDiffInfo",
    "buildstep",
]

__getattr__ = elsewhere(__name__, "config defer logobserver results")


class GitDiffInfo(buildstep.ShellMixin, buildstep.BuildStep):
    """Compares with another reference of git, and keeps the changed lines as build data."""

    name = "GitDiffInfo"
    description = "running GitDiffInfo"
    descriptionDone = "GitDiffInfo"

    @recorded
    def __init__(self, compareToRef="master", dataName="diffinfo-master", **kwargs):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)
        self._compare_to_ref = compareToRef
        self._data_name = dataName

    def _convert_hunk(self, hunk):
        return {
            "ss": hunk.source_start,
            "sl": hunk.source_length,
            "ts": hunk.target_start,
            "tl": hunk.target_length,
        }

    def _convert_file(self, file):
        return {
            "source_file": file.source_file,
            "target_file": file.target_file,
            "is_binary": file.is_binary_file,
            "is_rename": file.is_rename,
            "hunks": [self._convert_hunk(hunk) for hunk in file],
        }

    def _convert_patchset(self, patchset):
        return [self._convert_file(file) for file in patchset]

    @runtime.native
    def run(self):
        """Asks git for the difference."""
