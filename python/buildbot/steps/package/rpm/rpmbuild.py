"""The step that builds a package with rpmbuild."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep, logobserver

__all__ = [
    "RpmBuild",
    "buildstep",
    "logobserver",
]

__getattr__ = elsewhere(__name__, "config defer")


class RpmBuild(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs rpmbuild."""

    renderables = ["dist"]
    name = "rpmbuilder"
    haltOnFailure = True
    flunkOnFailure = True
    description = ["RPMBUILD"]
    descriptionDone = ["RPMBUILD"]

    @recorded
    def __init__(
        self,
        specfile=None,
        topdir="`pwd`",
        builddir="`pwd`",
        rpmdir="`pwd`",
        sourcedir="`pwd`",
        specdir="`pwd`",
        srcrpmdir="`pwd`",
        dist=".el6",
        define=None,
        autoRelease=False,
        vcsRevision=False,
        **kwargs,
    ):
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command"])
        super().__init__(**kwargs)
        self.dist = dist
        definitions = {
            "_topdir": topdir,
            "_builddir": builddir,
            "_rpmdir": rpmdir,
            "_sourcedir": sourcedir,
            "_specdir": specdir,
            "_srcrpmdir": srcrpmdir,
        }
        command = "rpmbuild"
        for name, value in [*definitions.items(), *({} if define is None else define).items()]:
            command += f' --define "{name} {value}"'
        self.base_rpmbuild = command
        self.specfile = specfile
        self.autoRelease = autoRelease
        self.vcsRevision = vcsRevision
        if not self.specfile:
            config_error("You must specify a specfile")
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self.logConsumer))

    @runtime.native
    def run(self):
        """Builds the package."""

    @runtime.native
    def logConsumer(self):
        """Sorts commands and errors out of the log."""
