"""The bot on Telegram. The master runs it."""

from __future__ import annotations

from buildbot import config
from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, RETRY, SUCCESS, WARNINGS
from buildbot.reporters.words import Channel, Contact, StatusBot
from buildbot.util import service

__getattr__ = elsewhere(
    __name__,
    "CollectedValidationError ForceScheduler Notifier UsageError WebhookResource "
    "asyncSleep bytes2unicode defer epoch2datetime httpclientservice reactor "
    "unicode2bytes",
)


def collect_fields(fields):
    """All fields of a form, those inside of others too."""
    for field in fields:
        if field["fullName"]:
            yield field
        if "fields" in field:
            yield from collect_fields(field["fields"])


class TelegramChannel(Channel):
    """A chat on Telegram."""

    def __init__(self, bot, channel):
        assert isinstance(channel, dict), "channel must be a dict provided by Telegram API"
        super().__init__(bot, channel["id"])
        self.chat_info = channel

    @by_master
    def list_notified_events(self): ...


class TelegramContact(Contact):
    """Somebody on Telegram."""

    ACCESS_DENIED_MESSAGES = ["You may not do this."]

    def __init__(self, user, channel=None):
        assert isinstance(user, dict), "user must be a dict provided by Telegram API"
        self.user_info = user
        super().__init__(user["id"], channel)

    @property
    @by_master
    def chat_id(self): ...

    @property
    @by_master
    def user_full_name(self): ...

    @property
    @by_master
    def user_name(self): ...

    @by_master
    def describeUser(self): ...

    @by_master
    def access_denied(self, *args, tmessage, **kwargs): ...

    @by_master
    def query_button(self, caption, payload): ...

    @by_master
    def command_START(self, args, **kwargs): ...

    @by_master
    def command_NAY(self, args, tmessage, **kwargs): ...

    @classmethod
    @by_master
    def get_commands(cls): ...

    @classmethod
    @by_master
    def describe_commands(cls): ...

    @by_master
    def command_COMMANDS(self, args, **kwargs): ...

    @by_master
    def command_GETID(self, args, **kwargs): ...

    @by_master
    def command_LIST(self, args, **kwargs): ...

    @by_master
    def get_running_builders(self): ...

    @by_master
    def command_WATCH(self, args, **kwargs): ...

    @by_master
    def command_NOTIFY(self, args, tquery=None, **kwargs): ...

    @by_master
    def ask_for_reply(self, prompt, greeting="Ok"): ...

    @by_master
    def command_STOP(self, args, **kwargs): ...

    @by_master
    def command_SHUTDOWN(self, args, **kwargs): ...

    @by_master
    def command_FORCE(self, args, tquery=None, partial=None, **kwargs): ...


class TelegramStatusBot(StatusBot):
    """Base of the bots on Telegram."""

    contactClass = TelegramContact
    channelClass = TelegramChannel
    commandPrefix = "/"
    offline_string = "offline ❌"
    idle_string = "idle 💤"
    running_string = "running 🌀:"
    query_cache = {}
    results_emoji = {
        SUCCESS: " \u2705",
        WARNINGS: " \u26a0\ufe0f",
        FAILURE: "\u2757",
        EXCEPTION: " \u203c\ufe0f",
        RETRY: " \U0001f504",
        CANCELLED: " \U0001f6ab",
    }

    @property
    @by_master
    def commandSuffix(self): ...

    def __init__(self, token, outgoing_http, chat_ids, *args, retry_delay=30, **kwargs):
        super().__init__(*args, **kwargs)
        self.http_client = outgoing_http
        self.retry_delay = retry_delay
        self.token = token
        self.chat_ids = chat_ids

    @by_master
    def startService(self): ...

    @by_master
    def format_build_status(self, build, short=False): ...

    @by_master
    def getContact(self, user, channel): ...

    @by_master
    def getChannel(self, channel, valid=True): ...

    @by_master
    def process_update(self, update): ...

    @by_master
    def post(self, path, **kwargs): ...

    @by_master
    def set_nickname(self): ...

    @by_master
    def answer_query(self, query_id, notify=None): ...

    @by_master
    def send_message(
        self,
        chat,
        message,
        parse_mode="Markdown",
        reply_to_message_id=None,
        reply_markup=None,
        **kwargs,
    ): ...

    @by_master
    def edit_message(self, chat, msg, message, parse_mode="Markdown", **kwargs): ...

    @by_master
    def edit_keyboard(self, chat, msg, keyboard=None): ...

    @by_master
    def delete_message(self, chat, msg): ...

    @by_master
    def send_sticker(self, chat, sticker, **kwargs): ...


class TelegramWebhookBot(TelegramStatusBot):
    """A bot that Telegram calls."""

    name = "TelegramWebhookBot"

    def __init__(self, token, *args, certificate=None, **kwargs):
        super().__init__(token, *args, **kwargs)
        self._certificate = certificate

    @by_master
    def startService(self): ...

    @by_master
    def process_webhook(self, request): ...

    @by_master
    def get_update(self, request): ...

    @by_master
    def set_webhook(self, url, certificate=None): ...


class TelegramPollingBot(TelegramStatusBot):
    """A bot that asks Telegram for news."""

    name = "TelegramPollingBot"

    def __init__(self, *args, poll_timeout=120, **kwargs):
        super().__init__(*args, **kwargs)
        self._polling_finished_notifier = None
        self.poll_timeout = poll_timeout

    @by_master
    def startService(self): ...

    @by_master
    def stopService(self): ...

    @by_master
    def do_polling(self): ...


class TelegramBot(service.BuildbotService):
    """Tells what happens on Telegram and takes commands there."""

    name = "TelegramBot"
    in_test_harness = False
    compare_attrs = [
        "bot_token",
        "chat_ids",
        "authz",
        "tags",
        "notify_events",
        "showBlameList",
        "useRevisions",
        "certificate",
        "useWebhook",
        "pollTimeout",
        "retryDelay",
    ]
    secrets = ["bot_token"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.bot = None

    @recorded
    def checkConfig(
        self,
        bot_token,
        chat_ids=None,
        authz=None,
        bot_username=None,
        tags=None,
        notify_events=None,
        showBlameList=True,
        useRevisions=False,
        useWebhook=False,
        certificate=None,
        pollTimeout=120,
        retryDelay=30,
    ):
        if authz is not None:
            for allowed in authz.values():
                if not isinstance(allowed, (list, tuple, bool)):
                    config.error("authz values must be bool or a list of user ids")
        mode = getattr(certificate, "mode", None)
        if isinstance(mode, str) and "b" not in mode:
            config.error("certificate file must be open in binary mode")

    @by_master
    def reconfigService(
        self,
        bot_token,
        chat_ids=None,
        authz=None,
        bot_username=None,
        tags=None,
        notify_events=None,
        showBlameList=True,
        useRevisions=False,
        useWebhook=False,
        certificate=None,
        pollTimeout=120,
        retryDelay=30,
    ): ...
