"""Steps that build packages for Debian and Ubuntu."""

from __future__ import annotations

import re

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import logobserver
from buildbot.steps.shell import WarningCountingShellCommand

__all__ = [
    "DebCowbuilder",
    "DebPbuilder",
    "UbuCowbuilder",
    "UbuPbuilder",
    "WarningCountingShellCommand",
    "logobserver",
]

__getattr__ = elsewhere(__name__, "config defer log remotecommand results")


class DebPbuilder(WarningCountingShellCommand):
    """Builds a package with pbuilder."""

    name = "pbuilder"
    haltOnFailure = True
    flunkOnFailure = True
    description = ["building"]
    descriptionDone = ["built"]
    warningPattern = r".*(warning[: ]|\sW: ).*"

    architecture = None
    distribution = "stable"
    basetgz = None
    _default_basetgz = "/var/cache/pbuilder/{distribution}-{architecture}-buildbot.tgz"
    mirror = "http://cdn.debian.net/debian/"
    othermirror = ""
    extrapackages = []
    keyring = None
    components = None
    maxAge = 60 * 60 * 24 * 7
    pbuilder = "/usr/sbin/pbuilder"
    baseOption = "--basetgz"

    renderables = [
        "architecture",
        "distribution",
        "basetgz",
        "mirror",
        "othermirror",
        "extrapackages",
        "keyring",
        "components",
    ]

    @recorded
    def __init__(
        self,
        architecture=None,
        distribution=None,
        basetgz=None,
        mirror=None,
        othermirror=None,
        extrapackages=None,
        keyring=None,
        components=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value in (
            ("architecture", architecture),
            ("distribution", distribution),
            ("mirror", mirror),
            ("othermirror", othermirror and "|".join(othermirror)),
            ("extrapackages", extrapackages),
            ("keyring", keyring),
            ("components", components),
            ("basetgz", basetgz),
        ):
            if value:
                setattr(self, name, value)
        if not self.distribution:
            config_error("You must specify a distribution.")
        self.suppressions.append((None, re.compile(r"\.pbuilderrc does not exist"), None, None))
        self.addLogObserver("stdio", logobserver.LineConsumerLogObserver(self.logConsumer))

    @runtime.native
    def run(self):
        """Builds the package."""

    @runtime.native
    def checkBasetgz(self):
        """Makes the base system, or brings it up to date."""

    @runtime.native
    def logConsumer(self):
        """Finds the name of the file of changes."""


class DebCowbuilder(DebPbuilder):
    """Builds a package with cowbuilder."""

    name = "cowbuilder"
    _default_basetgz = "/var/cache/pbuilder/{distribution}-{architecture}-buildbot.cow/"
    pbuilder = "/usr/sbin/cowbuilder"
    baseOption = "--basepath"


class UbuPbuilder(DebPbuilder):
    """Builds a package for Ubuntu with pbuilder."""

    distribution = None
    mirror = "http://archive.ubuntu.com/ubuntu/"
    components = "main universe"


class UbuCowbuilder(DebCowbuilder):
    """Builds a package for Ubuntu with cowbuilder."""

    distribution = None
    mirror = "http://archive.ubuntu.com/ubuntu/"
    components = "main universe"
