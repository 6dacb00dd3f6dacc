"""Steps that run on the master."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.buildstep import CANCELLED, FAILURE, SUCCESS, BuildStep

__all__ = [
    "Assert",
    "BuildStep",
    "CANCELLED",
    "FAILURE",
    "LogRenderable",
    "MasterShellCommand",
    "SUCCESS",
    "SetProperties",
    "SetProperty",
]

__getattr__ = elsewhere(__name__, "defer deferwaiter reactor runprocess")


class MasterShellCommand(BuildStep):
    """Runs a command on the machine of the master."""

    name = "MasterShellCommand"
    description = "Running"
    descriptionDone = "Ran"
    descriptionSuffix = None
    renderables = ["command", "env"]
    haltOnFailure = True
    flunkOnFailure = True

    @recorded
    def __init__(self, command, **kwargs):
        self.env = kwargs.pop("env", None)
        self.usePTY = kwargs.pop("usePTY", 0)
        self.interruptSignal = kwargs.pop("interruptSignal", "KILL")
        self.logEnviron = kwargs.pop("logEnviron", True)
        self.runtime_timeout = kwargs.pop("runtime_timeout", 3600)
        super().__init__(**kwargs)
        self.command = command
        self.process = None
        self.masterWorkdir = self.workdir

    @runtime.native
    def run(self):
        """Runs the command."""


class SetProperty(BuildStep):
    """Sets a property."""

    name = "SetProperty"
    description = ["Setting"]
    descriptionDone = ["Set"]
    renderables = ["property", "value"]

    @recorded
    def __init__(self, property, value, **kwargs):
        super().__init__(**kwargs)
        self.property = property
        self.value = value

    @runtime.native
    def run(self):
        """Sets it."""


class SetProperties(BuildStep):
    """Sets properties from a dictionary."""

    name = "SetProperties"
    description = ["Setting Properties.."]
    descriptionDone = ["Properties Set"]
    renderables = ["properties"]

    @recorded
    def __init__(self, properties=None, **kwargs):
        super().__init__(**kwargs)
        self.properties = properties

    @runtime.native
    def run(self):
        """Sets them."""


class Assert(BuildStep):
    """Fails unless what it is given renders to something true."""

    name = "Assert"
    description = ["Checking.."]
    descriptionDone = ["checked"]
    renderables = ["check"]

    @recorded
    def __init__(self, check, **kwargs):
        super().__init__(**kwargs)
        self.check = check
        self.descriptionDone = [f"checked {check!r}"]

    @runtime.native
    def run(self):
        """Looks at it."""


class LogRenderable(BuildStep):
    """Writes a rendered value into a log."""

    name = "LogRenderable"
    description = ["Logging"]
    descriptionDone = ["Logged"]
    renderables = ["content"]

    @recorded
    def __init__(self, content, **kwargs):
        super().__init__(**kwargs)
        self.content = content

    @runtime.native
    def run(self):
        """Writes it."""
