"""Mails that arrive in a maildir."""

from __future__ import annotations

import os

from buildbot._host.by_master import by_master
from buildbot._host.record import recorded
from buildbot.util import service


class NoSuchMaildir(Exception):
    """The folder is no maildir."""


class MaildirService(service.BuildbotService):
    """Looks for new mails: override `messageReceived`."""

    pollInterval = 10
    name = "MaildirService"

    @recorded
    def __init__(self, basedir=None):
        super().__init__()
        if basedir:
            self.setBasedir(basedir)
        self.files = []
        self.dnotify = None
        self.timerService = None

    def setBasedir(self, basedir):
        self.basedir = basedir
        self.newdir = os.path.join(self.basedir, "new")
        self.curdir = os.path.join(self.basedir, "cur")

    @by_master
    def startService(self): ...

    @by_master
    def stopService(self): ...

    @by_master
    def dnotify_callback(self): ...

    @by_master
    def poll(self): ...

    def moveToCurDir(self, filename):
        """Moves a mail to those that have been seen; returns it opened."""
        source, target = os.path.join(self.newdir, filename), os.path.join(self.curdir, filename)
        file = None
        if os.name == "posix":
            file = open(source, encoding="utf-8")
        os.rename(source, target)
        return file or open(target, encoding="utf-8")

    def messageReceived(self, filename):
        raise NotImplementedError
