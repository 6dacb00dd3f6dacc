"""Reports about workers that went away."""

from __future__ import annotations

from buildbot import config, util
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.reporters.message import MessageFormatterMissingWorker
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "defer implementer interfaces")

ENCODING = "utf-8"


@provides("IReportGenerator")
class WorkerMissingGenerator(Described, util.ComparableMixin):
    """A report to those whom a worker's `notify_on_missing` names."""

    compare_attrs = ["workers", "formatter"]
    wanted_event_keys = [("workers", None, "missing")]

    @recorded
    def __init__(self, workers="all", message_formatter=None):
        self.workers = workers
        if message_formatter is None:
            message_formatter = MessageFormatterMissingWorker()
        self.formatter = message_formatter

    def check(self):
        if not (self.workers == "all" or isinstance(self.workers, (list, tuple, set))):
            config.error("workers must be 'all', or list of worker names")

    def generate_name(self):
        name = self.__class__.__name__
        if self.workers is not None:
            name += "_workers_" + "+".join(self.workers)
        return name

    def _is_message_needed(self, worker):
        chosen = self.workers == "all" or worker["name"] in self.workers
        return chosen and worker["notify"]

    @async_to_deferred
    async def generate(self, master, reporter, key, worker):
        if not self._is_message_needed(worker):
            return None
        message = await any_to_async(self.formatter.formatMessageForMissingWorker(master, worker))
        kind = message["type"]
        if kind not in ("plain", "html"):
            raise ValueError(f"'{kind}' message type must be 'plain' or 'html'.")
        subject = message["subject"]
        if subject is None:
            subject = f"Buildbot worker {worker['name']} missing"
        return {
            "body": message["body"].encode(ENCODING),
            "subject": subject,
            "type": kind,
            "results": None,
            "builds": None,
            "buildset": None,
            "users": worker["notify"],
            "patches": None,
            "logs": None,
            "worker": worker["name"],
        }
