"""Takes changes from mails that hooks of repositories send to a maildir."""

from __future__ import annotations

import calendar
import datetime
import time

from buildbot._host.by_master import by_master
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.util import ComparableMixin
from buildbot.util.maildir import MaildirService

__getattr__ = elsewhere(__name__, "IChangeSource defer implementer log util")


@provides("IChangeSource")
class MaildirSource(MaildirService, ComparableMixin):
    """Base: a subclass reads one mail in `parse`."""

    compare_attrs = ("basedir", "pollInterval", "prefix")
    name = "MaildirSource"

    @recorded
    def __init__(
        self, maildir: str, prefix: str | None = None, category: str = "", repository: str = ""
    ):
        super().__init__(maildir)
        self.prefix = prefix
        self.category = category
        self.repository = repository
        if prefix and not prefix.endswith("/"):
            import warnings

            from buildbot.warnings import ConfigWarning

            warnings.warn(
                f"MaildirSource: you probably want your prefix=('{prefix}') to end with a slash",
                category=ConfigWarning,
                stacklevel=2,
            )

    def describe(self):
        return f"{type(self).__name__} watching maildir '{self.basedir}'"

    @by_master
    def messageReceived(self, filename): ...

    def parse_file(self, fd, prefix=None):
        from email import message_from_file

        return self.parse(message_from_file(fd), prefix)

    def parse(self, m, prefix=None):
        """Overridden: (kind of repository, arguments of `addChange`), or None to ignore it."""


class CVSMaildirSource(MaildirSource):
    """Mails of the script that comes with Buildbot for CVS."""

    name = "CVSMaildirSource"

    @recorded
    def __init__(
        self,
        maildir: str,
        prefix: str | None = None,
        category: str = "",
        repository: str = "",
        properties=None,
    ):
        super().__init__(maildir, prefix, category, repository)
        self.properties = {} if properties is None else properties

    @by_master
    def parse(self, m, prefix=None): ...


class SVNCommitEmailMaildirSource(MaildirSource):
    """Mails of Subversion's own commit script."""

    name = "SVN commit-email.pl"

    @by_master
    def parse(self, m, prefix=None): ...


class BzrLaunchpadEmailMaildirSource(MaildirSource):
    """Mails of Launchpad about Bazaar branches."""

    name = "Launchpad"
    compare_attrs = ("branchMap", "defaultBranch")

    @recorded
    def __init__(
        self,
        maildir: str,
        prefix: str | None = None,
        branchMap=None,
        defaultBranch: str | None = None,
        **kwargs,
    ):
        self.branchMap = branchMap
        self.defaultBranch = defaultBranch
        super().__init__(maildir, prefix, **kwargs)

    @by_master
    def parse(self, m, prefix=None): ...


def parseLaunchpadDate(datestr, tz_sign, tz_hours, tz_minutes):
    """Seconds since 1970 of a date in a time zone that is so far from UTC."""
    local = time.strptime(datestr, "%Y-%m-%d %H:%M:%S")
    offset = datetime.timedelta(hours=int(tz_hours), minutes=int(tz_minutes)).seconds
    if tz_sign == "-":
        offset = -offset
    return calendar.timegm(local) - offset
