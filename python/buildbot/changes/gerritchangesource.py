"""Finds changes by listening to a Gerrit server."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base
from buildbot.changes.filter import ChangeFilter
from buildbot.config.errors import error as config_error
from buildbot.util import NotABranch
from buildbot.util.pullrequest import PullRequestMixin
from buildbot.util.service import settled

__getattr__ = elsewhere(
    __name__,
    "LineProcessProtocol bytes2unicode check_param_int check_param_int_none config defer "
    "deferwaiter httpclientservice log runprocess util watchdog",
)


class GerritChangeFilter(ChangeFilter):
    """Accepts changes by the type of their event and the branch they are meant for."""

    compare_attrs = ("eventtype_fn", "gerrit_branch_fn")

    @recorded
    def __init__(
        self,
        branch=NotABranch,
        branch_re=None,
        branch_fn=None,
        eventtype: str | None = None,
        eventtype_re=None,
        eventtype_fn=None,
        **kw,
    ):
        def also(argument, conditions):
            if conditions:
                given = dict(kw.get(argument) or {})
                given.update(conditions)
                kw[argument] = given

        exact = {} if eventtype is None else {"event.type": eventtype}
        if branch is not NotABranch:
            exact["event.change.branch"] = branch
        also("property_eq", exact)
        patterns = {} if eventtype_re is None else {"event.type": eventtype_re}
        if branch_re is not None:
            patterns["event.change.branch"] = branch_re
        also("property_re", patterns)
        super().__init__(**kw)
        self.eventtype_fn = eventtype_fn
        self.gerrit_branch_fn = branch_fn

    def _event_functions(self):
        return [
            (name, label, function)
            for name, label, function in (
                ("event.type", "eventtype", self.eventtype_fn),
                ("event.change.branch", "branch", self.gerrit_branch_fn),
            )
            if function is not None
        ]

    def filter_change(self, change):
        if not super().filter_change(change):
            return False
        return all(
            function(change.properties.getProperty(name, ""))
            for name, _, function in self._event_functions()
        )

    def _get_repr_filters(self):
        return super()._get_repr_filters() + [
            f"{function.__name__}({label})" for _, label, function in self._event_functions()
        ]


class GerritChangeSourceBase(base.ChangeSource, PullRequestMixin):
    """Makes changes of events; a subclass gets the events."""

    compare_attrs = ("gerritserver", "gerritport")
    name = None
    external_property_denylist = ["event.eventCreatedOn"]
    external_property_whitelist = ["*"]
    property_basename = "event"
    _described_hooks = ("eventReceived_",)

    @recorded
    def checkConfig(
        self,
        gitBaseURL: str | None = None,
        handled_events: tuple[str, ...] = ("patchset-created", "ref-updated"),
        debug: bool = False,
        get_files: bool = False,
    ):
        if gitBaseURL is None:
            config_error("gitBaseURL must be specified")

    def reconfigService(
        self,
        gitBaseURL: str | None = None,
        handled_events: tuple[str, ...] = ("patchset-created", "ref-updated"),
        debug: bool = False,
        get_files: bool = False,
    ):
        self.gitBaseURL = gitBaseURL
        self.handled_events = list(handled_events)
        self._get_files = get_files
        self.debug = debug
        return settled()

    def build_properties(self, event):
        properties = self.extractProperties(event)
        properties["event.source"] = type(self).__name__
        if event["type"] in ("patchset-created", "comment-added") and "change" in event:
            properties["target_branch"] = event["change"]["branch"]
        return properties

    def strip_refs_heads_from_branch(self, branch):
        return branch[len("refs/heads/") :] if branch.startswith("refs/heads/") else branch

    def get_branch_from_event(self, event):
        if event["type"] in ("patchset-created", "comment-added"):
            return event["patchSet"]["ref"]
        return event["change"]["branch"]

    @by_master
    def getFiles(self, change, patchset): ...

    # A subclass may have a method `eventReceived_TYPE` for a type of event.

    @by_master
    def eventReceived(self, event): ...

    @by_master
    def eventReceived_ref_updated(self, properties, event): ...

    @by_master
    def addChangeFromEvent(self, properties, event): ...


class GerritSshStreamEventsConnector:
    """Reads the stream of events over ssh, in the master."""

    debug = False
    STREAM_GOOD_CONNECTION_TIME = 120
    STREAM_BACKOFF_MIN = 0.5
    STREAM_BACKOFF_EXPONENT = 1.5
    STREAM_BACKOFF_MAX = 60
    MAX_STORED_OUTPUT_DEBUG_LINES = 20

    @by_master
    def __init__(
        self,
        reactor,
        change_source,
        gerritserver: str,
        username: str,
        *,
        gerritport: int = 29418,
        identity_file: str | None = None,
        ssh_server_alive_interval_s: int | None = 15,
        ssh_server_alive_count_max: int | None = 3,
        on_process_start_cb,
        on_line_received_cb,
    ): ...


class GerritHttpEventLogPollerConnector:
    """Asks for the log of events over HTTP, in the master."""

    FIRST_FETCH_LOOKBACK_DAYS = 30
    debug = False

    @by_master
    def __init__(
        self,
        reactor,
        change_source,
        base_url: str,
        auth,
        get_last_event_ts,
        first_fetch_lookback: int,
        on_lines_received_cb,
    ): ...


def extract_gerrit_event_time(event):
    """Seconds since 1970."""
    return event["eventCreatedOn"]


def build_gerrit_event_hash(event):
    """The same for the same event, however it came."""
    import hashlib
    import json

    return hashlib.sha1(json.dumps(event, sort_keys=True).encode()).hexdigest()


def is_event_valid(event):
    return isinstance(event, dict) and "type" in event and "eventCreatedOn" in event


@with_private(
    "_line_received_stream",
    "_lines_received_poll",
    "_stream_process_started",
    "_update_last_event_ts",
)
class GerritChangeSource(GerritChangeSourceBase):
    """Listens to `gerrit stream-events` over ssh."""

    compare_attrs = ("gerritserver", "gerritport")
    name = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)

    @recorded
    def checkConfig(
        self,
        gerritserver: str,
        username: str,
        gerritport: int = 29418,
        identity_file: str | None = None,
        ssh_server_alive_interval_s: int | None = 15,
        ssh_server_alive_count_max: int | None = 3,
        http_url: str | None = None,
        http_auth=None,
        http_poll_interval: int = 30,
        **kwargs,
    ):
        from buildbot.config.checks import check_param_int, check_param_int_none

        if self.name is None:
            self.name = f"GerritChangeSource:{username}@{gerritserver}:{gerritport}"
        if "gitBaseURL" not in kwargs:
            kwargs["gitBaseURL"] = "automatic at reconfigure"
        whose = type(self)
        check_param_int_none(
            ssh_server_alive_interval_s, whose, "ssh_server_alive_interval_s"
        )
        check_param_int_none(ssh_server_alive_count_max, whose, "ssh_server_alive_count_max")
        check_param_int(http_poll_interval, whose, "http_poll_interval")
        super().checkConfig(**kwargs)

    def reconfigService(
        self,
        gerritserver: str,
        username: str,
        gerritport: int = 29418,
        identity_file: str | None = None,
        name: str | None = None,
        ssh_server_alive_interval_s: int | None = 15,
        ssh_server_alive_count_max: int | None = 3,
        http_url: str | None = None,
        http_auth=None,
        http_poll_interval: int = 30,
        **kwargs,
    ):
        if "gitBaseURL" not in kwargs:
            kwargs["gitBaseURL"] = f"ssh://{username}@{gerritserver}:{gerritport}"
        self.gerritserver = gerritserver
        self.gerritport = gerritport
        self.username = username
        self.identity_file = identity_file
        return super().reconfigService(**kwargs)

    def describe(self):
        return (
            "GerritChangeSource watching the remote Gerrit repository "
            f"{self.username}@{self.gerritserver}"
        )

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...

    @by_master
    def getFiles(self, change, patchset): ...


@with_private("_lines_received")
class GerritEventLogPoller(GerritChangeSourceBase):
    """Asks for the log of events over HTTP."""

    POLL_INTERVAL_SEC = 30
    FIRST_FETCH_LOOKBACK_DAYS = 30

    @recorded
    def checkConfig(
        self,
        baseURL: str,
        auth,
        pollInterval: int = POLL_INTERVAL_SEC,
        pollAtLaunch: bool = True,
        firstFetchLookback: int = FIRST_FETCH_LOOKBACK_DAYS,
        **kwargs,
    ):
        if self.name is None:
            self.name = f"GerritEventLogPoller:{baseURL}"
        super().checkConfig(**kwargs)

    def reconfigService(
        self,
        baseURL: str,
        auth,
        pollInterval: int = POLL_INTERVAL_SEC,
        pollAtLaunch: bool = True,
        firstFetchLookback: int = FIRST_FETCH_LOOKBACK_DAYS,
        **kwargs,
    ):
        self._poll_interval = pollInterval
        self._poll_at_launch = pollAtLaunch
        self._baseURL = baseURL
        return super().reconfigService(**kwargs)

    def describe(self):
        return f"GerritEventLogPoller watching the remote Gerrit repository {self._baseURL}"

    @by_master
    def force(self): ...

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...

    @by_master
    def getFiles(self, change, patchset): ...
