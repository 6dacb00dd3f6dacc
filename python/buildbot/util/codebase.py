"""Remembers the newest change of each code base."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.util.twisted import async_to_deferred

__getattr__ = elsewhere(__name__, "defer")


class AbsoluteSourceStampsMixin:
    """For schedulers that build exact revisions also of the code bases that did not change."""

    _lastCodebases = None

    async def _known(self):
        if self._lastCodebases is None:
            self._lastCodebases = await self.getState("lastCodebases", {})
        return self._lastCodebases

    @async_to_deferred
    async def getCodebaseDict(self, codebase):
        known = await self._known()
        return known.get(codebase, self.codebases[codebase])

    @async_to_deferred
    async def recordChange(self, change):
        known = await self._known()
        if change.number <= known.get(change.codebase, {}).get("lastChange", -1):
            return
        known[change.codebase] = {
            "repository": change.repository,
            "branch": change.branch,
            "revision": change.revision,
            "lastChange": change.number,
        }
        await self.setState("lastCodebases", known)
