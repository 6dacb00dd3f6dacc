"""Interfaces of the parts of a configuration, for ``zope.interface``.

Classes of this package say by name what they provide (``_host/declare.py``); `_apply` tells zope.
"""

from __future__ import annotations

import sys

if "zope.interface" not in sys.modules:
    from buildbot._host import standin

    standin.install()

from zope.interface import Attribute, Interface, classImplements
from zope.interface.interface import adapter_hooks

from buildbot._host.declare import take_declared


class BuilderInUseError(Exception):
    """A builder is in use."""


class WorkerSetupError(Exception):
    """A worker lacks what a step needs."""


class LatentWorkerFailedToSubstantiate(Exception):
    """A latent worker did not start."""


class LatentWorkerCannotSubstantiate(Exception):
    """A latent worker cannot start for this build."""


class LatentWorkerSubstantiatiationCancelled(Exception):
    """Starting a latent worker was given up."""


class IPlugin(Interface):
    """What comes from a namespace of plug-ins."""


class IChangeSource(IPlugin):
    """Brings changes."""

    master = Attribute("the master")

    def describe():
        """One line of text about it."""


class ISourceStamp(Interface):
    """A state of a codebase."""

    def canBeMergedWith(other):
        """Whether both can be built at once."""

    def mergeWith(others):
        """One that stands for all."""

    def getAbsoluteSourceStamp(got_revision):
        """The same with its revision known."""

    def getText():
        """Words for people."""


class IEmailSender(Interface):
    """Sends mail."""


class IEmailLookup(Interface):
    """Knows mail addresses."""

    def getAddress(user):
        """The address of `user`."""


class ILogObserver(Interface):
    """Watches a log."""

    def setStep(step):
        """Tells the step."""

    def setLog(log):
        """Tells the log."""

    def logChunk(build, step, log, channel, text):
        """Some text came."""


class IWorker(IPlugin):
    """A worker."""

    workername = Attribute("its name")


class ILatentWorker(IWorker):
    """A worker that is started when it is needed."""

    substantiated = Attribute("whether it runs")

    def substantiate(wfb, build):
        """Starts it."""

    def buildStarted(wfb):
        """A build began."""

    def buildFinished(wfb):
        """A build ended."""


class IMachine(Interface):
    """A machine with workers."""


class IMachineAction(Interface):
    """Something that is done to a machine."""

    def perform(manager):
        """Does it."""


class ILatentMachine(IMachine):
    """A machine that is started when it is needed."""


class IRenderable(Interface):
    """A value that is computed later."""

    def getRenderingFor(iprops):
        """The value, or a Deferred of it."""


class IProperties(Interface):
    """Has properties."""

    def getProperty(name, default=None):
        """The value, or the default."""

    def hasProperty(name):
        """Whether it is set."""

    def has_key(name):
        """Whether it is set."""

    def setProperty(name, value, source, runtime=False):
        """Sets it."""

    def getProperties():
        """The properties themselves."""

    def getBuild():
        """The build they belong to."""

    def render(value):
        """Deferred of the rendering."""


class IScheduler(IPlugin):
    """A scheduler."""


class ITriggerableScheduler(Interface):
    """A scheduler that steps can trigger."""

    def trigger(
        waited_for,
        sourcestamps=None,
        set_props=None,
        parent_buildid=None,
        parent_relationship=None,
    ):
        """Submits builds."""


class IBuildStepFactory(Interface):
    """Makes steps."""

    def buildStep():
        """A new step."""


class IBuildStep(IPlugin):
    """A step."""


class IConfigured(Interface):
    """Tells how it is configured."""

    def getConfigDict():
        """Its settings by name."""


class IReportGenerator(Interface):
    """Writes reports."""

    def generate(master, reporter, key, build):
        """A report."""


class IConfigLoader(Interface):
    """Loads configurations."""

    def loadConfig():
        """The configuration."""


class IHttpResponse(Interface):
    """An answer over HTTP."""

    def content():
        """Its bytes."""

    def json():
        """Its value."""

    code = Attribute("the status code")
    url = Attribute("what was asked")


class IConfigurator(Interface):
    """Changes a configuration while it is loaded."""

    def configure(config_dict):
        """Changes it."""


def _apply(cls, names):
    """Tells zope that `cls` implements the interfaces of these names."""
    classImplements(cls, *(globals()[name] for name in names))


class _Plain:
    """A value that is rendered as any other value is."""

    def __init__(self, value):
        self._value = value

    def getRenderingFor(self, iprops):
        from buildbot._host.deferreds import deferred
        from buildbot.process.properties import _rendering

        return deferred(_rendering(self._value, iprops))


def _adapted(interface, value):
    """What stands for `value` where an interface is asked for, as Buildbot has it."""
    if interface is IRenderable:
        return value if hasattr(value, "getRenderingFor") else _Plain(value)
    if interface is IProperties and hasattr(value, "getProperties"):
        return value.getProperties()
    if interface is IBuildStepFactory and hasattr(value, "get_step_factory"):
        return value.get_step_factory()
    if interface is IConfigured:
        from buildbot.util.config import as_configured

        return as_configured(value)
    return None


adapter_hooks.append(_adapted)

for _declaration in take_declared():
    _apply(*_declaration)
