"""A hook that makes change sources look for changes at once."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot.www.hooks.base import BaseHookHandler

__getattr__ = elsewhere(
    __name__,
    "BuildbotSite ReconfigurablePollingChangeSource bytes2unicode unicode2bytes",
)


class PollingHandler(BaseHookHandler):
    """The query names the change sources; the master makes them poll."""

    @by_master
    def getChanges(self, req): ...


poller = PollingHandler
