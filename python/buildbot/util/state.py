"""State that an object keeps in the database."""

from __future__ import annotations

from buildbot.util.twisted import async_to_deferred


class StateMixin:
    """Values by name, kept for an object with `name` and `master`."""

    _objectid = None

    async def _state_of(self):
        db = self.master.db.state
        if self._objectid is None:
            self._objectid = await db.getObjectId(self.name, self.__class__.__name__)
        return db

    @async_to_deferred
    async def getState(self, *args, **kwargs):
        """The value of a name, or the default that follows it."""
        db = await self._state_of()
        return await db.getState(self._objectid, *args, **kwargs)

    @async_to_deferred
    async def setState(self, key, value):
        db = await self._state_of()
        await db.setState(self._objectid, key, value)
