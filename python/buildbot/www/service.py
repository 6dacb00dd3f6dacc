"""The web server: the master's own, here by name only."""

from buildbot._host.internal import Internal


class BuildbotSession(Internal):
    """Inside the master: buildbot session."""


class BuildbotSite(Internal):
    """Inside the master: buildbot site."""


class WWWService(Internal):
    """Inside the master: www service."""
