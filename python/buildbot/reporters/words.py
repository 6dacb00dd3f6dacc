"""What the chat bots have in common. The master runs them; commands of users are called here."""

from __future__ import annotations

from buildbot import version
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot.process.results import (
    CANCELLED,
    EXCEPTION,
    FAILURE,
    RETRY,
    SKIPPED,
    SUCCESS,
    WARNINGS,
)
from buildbot.util import service

__all__ = ["version"]

GREETINGS = [
    "Hello",
    "Hallo",
    "Bonjour",
    "Hola",
    "Ciao",
    "Ol\u00e1",
    "Hej",
    "Ahoj",
    "Aloha",
    "Salut",
]

dangerous_commands = []


class UsageError(ValueError):
    """A command was not understood."""

    def __init__(self, string="Invalid usage", *more):
        super().__init__(string, *more)


def dangerousCommand(method):
    """Marks a `command_…` method as one that only trusted people may give."""
    prefix = "command_"
    if not method.__name__.startswith(prefix):
        raise ValueError("@dangerousCommand can be used only for commands")
    dangerous_commands.append(method.__name__[len(prefix) :])
    return method


dangerous_commands += ["FORCE", "STOP", "SHUTDOWN", "JOIN", "LEAVE"]


_elsewhere = elsewhere(
    __name__,
    "Properties defer epoch2datetime get_plugins log protocol reactor resultspec "
    "statusToString unicode2bytes util",
)


def __getattr__(name):
    if name != "ForceOptions":
        return _elsewhere(name)
    from twisted.python import usage

    class ForceOptions(usage.Options):
        """The options of the command `force`."""

        optParameters = [
            ["builder", None, None, "which Builder to start"],
            ["codebase", None, "", "which codebase to build"],
            ["branch", None, "master", "which branch to build"],
            ["revision", None, "HEAD", "which revision to build"],
            ["project", None, "", "which project to build"],
            ["reason", None, None, "the reason for starting the build"],
            ["props", None, None, "properties for the build: name=value,name=value"],
        ]

        def parseArgs(self, *args):
            words = list(args)
            if words and self["builder"] is None:
                self["builder"] = words.pop(0)
            if words and self["reason"] is None:
                self["reason"] = " ".join(words)

    globals()[name] = ForceOptions
    return ForceOptions


class Channel(service.AsyncService):
    """A room in which a bot tells what happens."""

    def __init__(self, bot, channel):
        self.name = f"Channel({channel})"
        self.id = channel
        self.bot = bot
        self.notify_events = set()
        self.subscribed = []
        self.build_subscriptions = []
        self.reported_builds = []
        self.missing_workers = set()
        self.useRevisions = bot.useRevisions

    @by_master
    def send(self, message, **kwargs): ...

    @by_master
    def stopService(self): ...

    @by_master
    def validate_notification_event(self, event): ...

    @by_master
    def list_notified_events(self): ...

    @by_master
    def notify_for(self, *events): ...

    @by_master
    def subscribe_to_build_events(self): ...

    @by_master
    def unsubscribe_from_build_events(self): ...

    @by_master
    def add_notification_events(self, events): ...

    @by_master
    def remove_notification_events(self, events): ...

    @by_master
    def remove_all_notification_events(self): ...

    @by_master
    def shouldReportBuild(self, builder, buildnum): ...

    @by_master
    def buildStarted(self, build): ...

    @by_master
    def buildFinished(self, build, watched=False): ...

    @by_master
    def notify_for_finished(self, build): ...

    @by_master
    def workerMissing(self, worker): ...

    @by_master
    def workerConnected(self, worker): ...


class Contact:
    """Somebody who gives commands to a bot: methods `command_…` carry them out."""

    def __init__(self, user, channel):
        self.user_id = user
        self.channel = channel

    @by_master
    def send(self, message, **kwargs): ...

    @by_master
    def access_denied(self, *args, **kwargs): ...

    @by_master
    def handleMessage(self, message, **kwargs): ...

    @by_master
    def command_HELLO(self, args, **kwargs): ...

    @by_master
    def command_VERSION(self, args, **kwargs): ...

    @by_master
    def command_LIST(self, args, **kwargs): ...

    @by_master
    def command_STATUS(self, args, **kwargs): ...

    @by_master
    def command_NOTIFY(self, args, **kwargs): ...

    @by_master
    def command_WATCH(self, args, **kwargs): ...

    @by_master
    def command_FORCE(self, args, **kwargs): ...

    @by_master
    def command_STOP(self, args, **kwargs): ...

    @by_master
    def command_LAST(self, args, **kwargs): ...

    @by_master
    def command_HELP(self, args, **kwargs): ...

    @by_master
    def command_SOURCE(self, args, **kwargs): ...

    @by_master
    def command_COMMANDS(self, args, **kwargs): ...

    @by_master
    def command_SHUTDOWN(self, args, **kwargs): ...

    @property
    def bot(self):
        return self.channel.bot

    @property
    def master(self):
        return self.channel.bot.master

    @property
    def is_private_chat(self):
        return self.user_id == self.channel.id

    @staticmethod
    def overrideCommand(meth):
        """Decorates a command of a subclass that takes the place of one of ours."""
        meth._overrides_command = True
        return meth

    def getCommandMethod(self, command):
        return getattr(self, "command_" + command.upper(), None)

    def splitArgs(self, args):
        """The words of a command line."""
        import shlex

        try:
            return shlex.split(args)
        except ValueError as problem:
            raise UsageError(problem) from problem

    @classmethod
    def build_commands(cls):
        """The names of all commands."""
        prefix = "command_"
        return sorted(n[len(prefix) :].lower() for n in dir(cls) if n.startswith(prefix))

    def describeUser(self):
        if self.is_private_chat:
            return self.user_id
        return f"{self.user_id} on '{self.channel.id}'"


class StatusBot(service.AsyncMultiService):
    """Base of the chat bots."""

    contactClass = Contact
    channelClass = Channel
    commandPrefix = ""
    commandSuffix = None
    offline_string = "offline"
    idle_string = "idle"
    running_string = "running:"
    results_descriptions = {
        SKIPPED: "was skipped",
        SUCCESS: "completed successfully",
        WARNINGS: "completed with warnings",
        FAILURE: "failed",
        EXCEPTION: "stopped with exception",
        RETRY: "has been retried",
        CANCELLED: "was cancelled",
    }
    results_severity = (SKIPPED, SUCCESS, WARNINGS, FAILURE, CANCELLED, EXCEPTION)

    def __init__(
        self, authz=None, tags=None, notify_events=None, useRevisions=False, showBlameList=False
    ):
        self.tags = tags
        self.notify_events = {} if notify_events is None else notify_events
        self.useRevisions = useRevisions
        self.showBlameList = showBlameList
        self.authz = self.expand_authz(authz)
        self.contacts = {}
        self.channels = {}

    @staticmethod
    def expand_authz(authz):
        """The permissions with one upper case command for each key."""
        expanded = {}
        for commands, allowed in (authz or {}).items():
            for command in commands if isinstance(commands, (tuple, list)) else (commands,):
                expanded[command.upper()] = allowed
        return expanded

    @by_master
    def isValidUser(self, user): ...

    @by_master
    def getContact(self, user, channel): ...

    @by_master
    def getChannel(self, channel, valid=True): ...

    @by_master
    def loadState(self): ...

    @by_master
    def saveNotifyEvents(self): ...

    @by_master
    def saveMissingWorkers(self): ...

    @by_master
    def send_message(self, chat, message, **kwargs): ...

    @by_master
    def log(self, msg, source=None): ...

    @by_master
    def log_err(self, error=None, why=None, source=None): ...

    @by_master
    def builderMatchesAnyTag(self, builder_tags): ...

    @by_master
    def getRunningBuilds(self, builderid): ...

    @by_master
    def getLastCompletedBuild(self, builderid): ...

    @by_master
    def getCurrentBuildstep(self, build): ...

    @by_master
    def getBuildStatus(self, which, short=False): ...

    @by_master
    def getBuilder(self, buildername=None, builderid=None): ...

    @by_master
    def getAllBuilders(self): ...

    @by_master
    def getOnlineBuilders(self): ...

    @by_master
    def getRevisionsForBuild(self, bdict): ...

    @by_master
    def format_build_status(self, build, short=False): ...


class ThrottledClientFactory:
    """Connects again after a while."""

    lostDelay = 3
    failedDelay = 48

    def __init__(self, lostDelay=None, failedDelay=None):
        self.lostDelay = lostDelay
        self.failedDelay = failedDelay

    @by_master
    def clientConnectionLost(self, connector, reason): ...

    @by_master
    def clientConnectionFailed(self, connector, reason): ...


class WebhookResource(service.AsyncService):
    """A page that a chat service calls."""

    def __init__(self, path):
        self.path = path

    @by_master
    def startService(self): ...

    @by_master
    def stopService(self): ...

    @by_master
    def render_GET(self, request): ...

    @by_master
    def render_POST(self, request): ...
