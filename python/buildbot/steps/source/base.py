"""The base of all steps that fetch sources."""

from __future__ import annotations

import inspect

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process import buildstep
from buildbot.process.results import FAILURE
from buildbot.steps.worker import CompositeStepMixin

__all__ = [
    "CompositeStepMixin",
    "FAILURE",
    "Source",
    "buildstep",
]

__getattr__ = elsewhere(__name__, "bytes2unicode defer log properties remotecommand")

# What a step says that it does, while and after it does so, by its mode.
_SAYS = {"export": ("exporting", "export"), "clobber": ("checkout", "checkout")}


class Source(buildstep.BuildStep, CompositeStepMixin):
    """Fetches sources; classes for a version control system override `run_vc`."""

    renderables = ["description", "descriptionDone", "descriptionSuffix", "workdir", "env"]

    description = None
    descriptionDone = None
    descriptionSuffix = None
    haltOnFailure = True
    flunkOnFailure = True

    branch = None

    def _wrong_mode(self, mode):
        """What is wrong with a mode, each of which is a method of the class: at most one text.

        Classes of users may add some. Nobody carries these out yet.
        """
        if isinstance(mode, str):
            if mode in ("full", "incremental"):
                return []
            kind = type(self)
            if hasattr(kind, f"mode_{mode}"):
                kind._unsupported = f"{kind.__module__}.{kind.__qualname__}.mode_{mode}"
                return []
        known = [
            name[len("mode_") :]
            for name, value in inspect.getmembers(type(self), inspect.isroutine)
            if name.startswith("mode_")
        ]
        return [f"mode {mode} is not one of {known}"]

    @recorded
    def __init__(
        self,
        workdir=None,
        mode="update",
        alwaysUseLatest=False,
        timeout=20 * 60,
        retry=None,
        env=None,
        logEnviron=True,
        description=None,
        descriptionDone=None,
        descriptionSuffix=None,
        codebase="",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.workdir = workdir
        self.sourcestamp = None
        self.codebase = codebase
        if codebase:
            from buildbot.process.properties import Interpolate

            self.name = Interpolate(
                "%(kw:name)s-%(kw:codebase)s", name=self.name, codebase=codebase
            )
        self.alwaysUseLatest = alwaysUseLatest
        self.logEnviron = logEnviron
        self.env = env
        self.timeout = timeout
        self.retry = retry
        doing, done = _SAYS.get(mode, ("updating", "update"))
        self.description = _list(description or doing)
        self.descriptionDone = _list(descriptionDone or done)
        self.descriptionSuffix = _list(descriptionSuffix or codebase or None)

    def _hasAttrGroupMember(self, attrGroup, attr):
        return getattr(self, f"{attrGroup}_{attr}", None) is not None

    def _getAttrGroupMember(self, attrGroup, attr):
        return getattr(self, f"{attrGroup}_{attr}")

    def _listAttrGroupMembers(self, attrGroup):
        start = f"{attrGroup}_"
        return [
            name[len(start) :]
            for name in dir(type(self))
            if name.startswith(start) and callable(getattr(self, name))
        ]

    def updateSourceProperty(self, name, value, source=""):
        """Sets a property; with a codebase it is a dictionary with an entry for each."""
        source = source or self.__class__.__name__
        if self.codebase != "":
            known = self.getProperty(name, {})
            assert isinstance(known, dict), f"Sourceproperty {name} is not a dict"
            self.setProperty(name, {**known, self.codebase: value}, source)
        else:
            known = self.getProperty(name, None)
            assert not isinstance(known, dict), f"Sourceproperty {name} is a dict"
            self.setProperty(name, value, source)

    def computeSourceRevision(self, changes):
        """The revision that holds all `changes`; None for the newest."""
        return None

    @runtime.native
    def applyPatch(self, patch):
        """Applies the text of a patch."""

    @runtime.native
    def patch(self, patch):
        """Brings a patch to the worker and applies it."""

    def sourcedirIsPatched(self):
        """Whether an earlier build left a patch in the sources."""
        return self.pathExists(self.build.path_module.join(self.workdir, ".buildbot-patched"))

    @runtime.inline
    def run(self):
        """Finds out what to fetch, and calls `run_vc`."""
        branch, revision, patch = self.branch, None, None
        if not self.alwaysUseLatest:
            stamp = self.build.getSourceStamp(self.codebase or "")
            self.sourcestamp = stamp
            if stamp is None:
                self.descriptionDone = f"Codebase {self.codebase} not in build"
                text = f"No sourcestamp found in build for codebase '{self.codebase}'"
                yield self.addCompleteLog("log", text)
                return FAILURE
            revision = stamp.revision
            if not revision:
                revision = self.computeSourceRevision(stamp.changes)
                if revision is not None:
                    self.updateSourceProperty("revision", revision)
            branch = stamp.branch or branch
            patch = stamp.patch
            if patch:
                body = patch[1]
                text = body.decode("utf-8", "ignore") if isinstance(body, bytes) else body
                yield self.addCompleteLog("patch", text)
        results = yield self.run_vc(branch, revision, patch)
        return results


def _list(value):
    return value if value is None or isinstance(value, list) else [value]
