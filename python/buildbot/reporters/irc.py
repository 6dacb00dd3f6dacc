"""The bot on IRC. The master runs it."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.results import (
    CANCELLED,
    EXCEPTION,
    FAILURE,
    RETRY,
    SKIPPED,
    SUCCESS,
    WARNINGS,
)
from buildbot.reporters.words import Channel, Contact, StatusBot, ThrottledClientFactory
from buildbot.util import service

__getattr__ = elsewhere(__name__, "dangerousCommand defer log reactor ssl task")


class UsageError(ValueError):
    """A command was not understood."""

    def __init__(self, string="Invalid usage", *more):
        super().__init__(string, *more)


class IRCChannel(Channel):
    """A channel on IRC."""

    def __init__(self, bot, channel):
        super().__init__(bot, channel)

    @by_master
    def send(self, message, **kwargs): ...

    @by_master
    def act(self, action): ...


class IRCContact(Contact):
    """Somebody on IRC."""

    def __init__(self, user, channel=None):
        super().__init__(user, channel)

    @by_master
    def act(self, action): ...

    @by_master
    def handleAction(self, action): ...

    @by_master
    def op_required(self, command): ...

    @by_master
    def command_JOIN(self, args, **kwargs): ...

    @by_master
    def command_LEAVE(self, args, **kwargs): ...

    @by_master
    def command_MUTE(self, args, **kwargs): ...

    @by_master
    def command_UNMUTE(self, args, **kwargs): ...

    @by_master
    def command_NOTIFY(self, args, **kwargs): ...

    @by_master
    def command_DANCE(self, args, **kwargs): ...

    @by_master
    def command_DESTROY(self, args): ...

    @by_master
    def command_HUSTLE(self, args): ...


class IrcStatusBot(StatusBot):
    """The bot on IRC."""

    contactClass = IRCContact
    channelClass = IRCChannel
    results_colors = {
        SUCCESS: "GREEN",
        WARNINGS: "YELLOW",
        FAILURE: "RED",
        SKIPPED: "ROYAL_BLUE",
        EXCEPTION: "PURPLE",
        RETRY: "AQUA_LIGHT",
        CANCELLED: "PINK",
    }
    short_results_descriptions = {
        SUCCESS: ", Success",
        WARNINGS: ", Warnings",
        FAILURE: ", Failure",
        SKIPPED: ", Skipped",
        EXCEPTION: ", Exception",
        RETRY: ", Retry",
        CANCELLED: ", Cancelled",
    }

    def __init__(
        self,
        nickname,
        password,
        join_channels,
        pm_to_nicks,
        noticeOnChannel,
        *args,
        useColors=False,
        useSASL=False,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.nickname = nickname
        self.join_channels = join_channels
        self.pm_to_nicks = pm_to_nicks
        self.password = password
        self.noticeOnChannel = noticeOnChannel
        self.useColors = useColors
        self.useSASL = useSASL

    @by_master
    def register(self, nickname, hostname="foo", servername="bar"): ...

    @by_master
    def irc_AUTHENTICATE(self, prefix, params): ...

    @by_master
    def connectionMade(self): ...

    @by_master
    def connectionLost(self, reason): ...

    @by_master
    def groupSend(self, channel, message): ...

    @by_master
    def groupDescribe(self, channel, action): ...

    @by_master
    def getContact(self, user, channel=None): ...

    @by_master
    def privmsg(self, user, channel, message): ...

    @by_master
    def action(self, user, channel, data): ...

    @by_master
    def signedOn(self): ...

    @by_master
    def getNames(self, channel): ...

    @by_master
    def irc_RPL_NAMREPLY(self, prefix, params): ...

    @by_master
    def irc_RPL_ENDOFNAMES(self, prefix, params): ...

    @by_master
    def getChannelOps(self, channel): ...

    @by_master
    def joined(self, channel): ...

    @by_master
    def left(self, channel): ...

    @by_master
    def kickedFrom(self, channel, kicker, message): ...

    @by_master
    def userLeft(self, user, channel): ...

    @by_master
    def userKicked(self, kickee, channel, kicker, message): ...

    @by_master
    def userQuit(self, user, quitMessage=None): ...

    @by_master
    def format_build_status(self, build, short=False): ...


class IrcStatusFactory(ThrottledClientFactory):
    """Connects the bot to IRC."""

    protocol = IrcStatusBot
    shuttingDown = False
    p = None

    def __init__(
        self,
        nickname,
        password,
        join_channels,
        pm_to_nicks,
        authz,
        tags,
        notify_events,
        noticeOnChannel=False,
        useRevisions=False,
        showBlameList=False,
        useSASL=False,
        parent=None,
        lostDelay=None,
        failedDelay=None,
        useColors=True,
    ):
        self.nickname = nickname
        self.password = password
        self.join_channels = join_channels
        self.pm_to_nicks = pm_to_nicks
        self.authz = authz
        self.tags = tags
        self.notify_events = notify_events
        self.noticeOnChannel = noticeOnChannel
        self.useRevisions = useRevisions
        self.showBlameList = showBlameList
        self.useSASL = useSASL
        self.parent = parent
        self.lostDelay = lostDelay
        self.failedDelay = failedDelay
        self.useColors = useColors

    @by_master
    def shutdown(self): ...

    @by_master
    def buildProtocol(self, address): ...

    @by_master
    def clientConnectionLost(self, connector, reason): ...

    @by_master
    def clientConnectionFailed(self, connector, reason): ...


class IRC(service.BuildbotService):
    """Tells what happens on IRC and takes commands there."""

    name = "IRC"
    in_test_harness = False
    f = None
    compare_attrs = (
        "host",
        "port",
        "nick",
        "password",
        "authz",
        "channels",
        "pm_to_nicks",
        "useSSL",
        "useSASL",
        "useRevisions",
        "tags",
        "useColors",
        "allowForce",
        "allowShutdown",
        "lostDelay",
        "failedDelay",
    )
    secrets = ["password"]

    @recorded
    def checkConfig(
        self,
        host,
        nick,
        channels,
        pm_to_nicks=None,
        port=6667,
        allowForce=None,
        tags=None,
        password=None,
        notify_events=None,
        showBlameList=True,
        useRevisions=False,
        useSSL=False,
        useSASL=False,
        lostDelay=None,
        failedDelay=None,
        useColors=True,
        allowShutdown=None,
        noticeOnChannel=False,
        authz=None,
        **kwargs,
    ):
        if kwargs:
            config.error(",".join(kwargs) + " are deprecated")
        for name, value in (("allowForce", allowForce), ("allowShutdown", allowShutdown)):
            if value is None:
                continue
            if authz is not None:
                config.error(f"If you specify authz, you must not use {name} anymore")
            if value not in (True, False):
                config.error(f"{name} must be boolean, not {value!r}")
            _log(f"IRC: {name} is deprecated: use authz instead")
        if noticeOnChannel not in (True, False):
            config.error(f"noticeOnChannel must be boolean, not {noticeOnChannel!r}")
        if authz is not None:
            for allowed in authz.values():
                if not isinstance(allowed, (list, tuple, bool)):
                    config.error("authz values must be bool or a list of nicks")

    @by_master
    def reconfigService(
        self,
        host,
        nick,
        channels,
        pm_to_nicks=None,
        port=6667,
        allowForce=None,
        tags=None,
        password=None,
        notify_events=None,
        showBlameList=True,
        useRevisions=False,
        useSSL=False,
        useSASL=False,
        lostDelay=None,
        failedDelay=None,
        useColors=True,
        allowShutdown=None,
        noticeOnChannel=False,
        authz=None,
        **kwargs,
    ): ...


def _log(text):
    from twisted.python import log

    log.msg(text)
