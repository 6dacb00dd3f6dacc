"""Finds changes by asking a Perforce server."""

from __future__ import annotations

import re

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base
from buildbot.config.errors import error as config_error
from buildbot.util import ComparableMixin

__getattr__ = elsewhere(__name__, "bytes2unicode config defer log protocol reactor runprocess util")

debug_logging = False


class P4PollerError(Exception):
    """Perforce cannot be asked, or answered something unexpected."""


class TicketLoginProtocol:
    """Enters the password of `p4 login`; the master does it."""

    @by_master
    def __init__(self, stdin, p4base): ...


def get_simple_split(branchfile):
    """The first component is the branch: (branch, file), or (None, None) without one."""
    branch, slash, file = branchfile.partition("/")
    return (branch, file) if slash else (None, None)


def _without_branch(path):
    return (None, path)


def _no_link(branch, revision):
    return ""


def _as_is(who):
    return who


# What POSIX lets TZ be: `UTC+3`, `EST5EDT4,M4.1.0,M10.1.0`.
_POSIX_ZONE = re.compile(
    r"^[A-Za-z]{3,}([+-]?\d{1,2}(:\d\d){0,2}([A-Za-z]{3,}([+-]?\d{1,2}(:\d\d){0,2})?(,.*)?)?)?$"
)


def _is_timezone(name):
    """Whether the time zone of this name is known."""
    if not isinstance(name, (str, bytes)):
        # What the library that 4.3.0 asks says of such values.
        name.startswith
    if isinstance(name, bytes):
        raise TypeError("gettz argument should be str, not bytes")
    name = name.lstrip(":")
    if not name or name in ("UTC", "GMT"):
        return True
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        import time

        posix = _POSIX_ZONE.match(name)
        return name in time.tzname or bool(posix and any(c.isdigit() for c in name))
    return True


@with_private("_acquireTicket", "_get_process_output", "_poll")
class P4Source(base.ReconfigurablePollingChangeSource, ComparableMixin):
    """Adds the change lists below `p4base`, one change for each branch they touch."""

    compare_attrs = (
        "p4port",
        "p4user",
        "p4passwd",
        "p4base",
        "p4bin",
        "pollInterval",
        "pollAtLaunch",
        "server_tz",
        "pollRandomDelayMin",
        "pollRandomDelayMax",
    )

    env_vars = [
        "P4CLIENT",
        "P4PORT",
        "P4PASSWD",
        "P4USER",
        "P4CHARSET",
        "P4CONFIG",
        "P4TICKETS",
        "PATH",
        "HOME",
    ]
    changes_line_re = re.compile(r"Change (?P<num>\d+) on \S+ by \S+@\S+ '.*'$")
    describe_header_re = re.compile(r"Change \d+ by (?P<who>\S+)@\S+ on (?P<when>.+)$")
    file_re = re.compile(r"^\.\.\. (?P<path>[^#]+)#\d+ [/\w]+$")
    datefmt = "%Y/%m/%d %H:%M:%S"

    parent = None
    last_change = None
    loop = None

    def __init__(self, **kwargs):
        if kwargs.get("name") is None:
            kwargs["name"] = self.build_name(
                None, kwargs.get("p4port"), kwargs.get("p4base", "//")
            )
        super().__init__(**kwargs)

    @recorded
    def checkConfig(
        self,
        p4port: str | None = None,
        p4user: str | None = None,
        p4passwd: str | None = None,
        p4base: str = "//",
        p4bin: str = "p4",
        split_file=_without_branch,
        pollInterval: int = 60 * 10,
        histmax: int | None = None,
        encoding: str = "utf8",
        project: str | None = None,
        name: str | None = None,
        use_tickets: bool = False,
        ticket_login_interval: int = 60 * 60 * 24,
        server_tz: str | None = None,
        pollAtLaunch: bool = False,
        revlink=_no_link,
        resolvewho=_as_is,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
        if use_tickets and not p4passwd:
            config_error("You need to provide a P4 password to use ticket authentication")
        if not callable(revlink):
            config_error("You need to provide a valid callable for revlink")
        if not callable(resolvewho):
            config_error("You need to provide a valid callable for resolvewho")
        if server_tz is not None and not _is_timezone(server_tz):
            raise P4PollerError(f"Failed to get timezone from server_tz string '{server_tz}'")
        super().checkConfig(
            name=self.build_name(name, p4port, p4base),
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
            pollRandomDelayMin=pollRandomDelayMin,
            pollRandomDelayMax=pollRandomDelayMax,
        )

    def reconfigService(
        self,
        p4port: str | None = None,
        p4user: str | None = None,
        p4passwd: str | None = None,
        p4base: str = "//",
        p4bin: str = "p4",
        split_file=_without_branch,
        pollInterval: int = 60 * 10,
        histmax: int | None = None,
        encoding: str = "utf8",
        project: str | None = None,
        name: str | None = None,
        use_tickets: bool = False,
        ticket_login_interval: int = 60 * 60 * 24,
        server_tz: str | None = None,
        pollAtLaunch: bool = False,
        revlink=_no_link,
        resolvewho=_as_is,
        pollRandomDelayMin: int = 0,
        pollRandomDelayMax: int = 0,
    ):
        self.p4port = p4port
        self.p4user = p4user
        self.p4passwd = p4passwd
        self.p4base = p4base
        self.p4bin = p4bin
        self.split_file = split_file
        self.encoding = encoding
        self.project = "" if project is None else project
        self.use_tickets = use_tickets
        self.ticket_login_interval = ticket_login_interval
        self.revlink_callable = revlink
        self.resolvewho_callable = resolvewho
        self.server_tz = server_tz
        return super().reconfigService(
            name=self.build_name(name, p4port, p4base),
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
            pollRandomDelayMin=pollRandomDelayMin,
            pollRandomDelayMax=pollRandomDelayMax,
        )

    def build_name(self, name, p4port, p4base):
        return f"P4Source:{p4port}:{p4base}" if name is None else name

    def describe(self):
        return f"p4source {self.p4port} {self.p4base}"

    @by_master
    def poll(self): ...
