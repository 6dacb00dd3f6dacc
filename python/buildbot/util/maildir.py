"""Watches a maildir."""

from __future__ import annotations

import os

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot.util.service import BuildbotService

__getattr__ = elsewhere(__name__, "defer log reactor service")


class NoSuchMaildir(Exception):
    """A directory is no maildir."""


class MaildirService(BuildbotService):
    """Gives the files that appear in `new` to `messageReceived`, one after the other."""

    pollInterval = 10
    name = "MaildirService"

    def __init__(self, basedir=None):
        super().__init__()
        if basedir:
            self.setBasedir(basedir)
        self.files = []
        self.dnotify = None
        self.timerService = None

    def setBasedir(self, basedir):
        self.basedir = basedir
        self.newdir = os.path.join(basedir, "new")
        self.curdir = os.path.join(basedir, "cur")

    def moveToCurDir(self, filename):
        """Moves a file from `new` to `cur` and opens it there."""
        moved = os.path.join(self.curdir, filename)
        os.rename(os.path.join(self.newdir, filename), moved)
        return open(moved, encoding="utf-8")

    def messageReceived(self, filename):
        raise NotImplementedError

    @by_master
    def startService(self): ...

    @by_master
    def stopService(self): ...

    @by_master
    def poll(self): ...

    @by_master
    def dnotify_callback(self): ...
