"""Reports about single builds."""

from __future__ import annotations

from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.reporters.generators.utils import BuildStatusGeneratorMixin
from buildbot.reporters.message import MessageFormatter, MessageFormatterRenderable
from buildbot.util.twisted import async_to_deferred

__getattr__ = elsewhere(__name__, "defer implementer interfaces")


async def _details(master, build, formatter, add_logs, want_previous_build=False):
    from buildbot.reporters import utils

    await utils.getDetailsForBuild(
        master,
        build,
        want_properties=formatter.want_properties,
        want_steps=formatter.want_steps,
        want_previous_build=want_previous_build,
        want_logs=formatter.want_logs,
        add_logs=add_logs,
        want_logs_content=formatter.want_logs_content,
    )


@provides("IReportGenerator")
class BuildStatusGenerator(BuildStatusGeneratorMixin):
    """A report when a build has ended in one of the chosen ways."""

    wanted_event_keys = [("builds", None, "finished")]
    compare_attrs = ["formatter"]
    _described_own = ()

    @recorded
    def __init__(
        self,
        mode=("failing", "passing", "warnings"),
        tags=None,
        builders=None,
        schedulers=None,
        branches=None,
        add_logs=None,
        add_patch=False,
        report_new=False,
        message_formatter=None,
    ):
        subject = "Buildbot %(result)s in %(title)s on %(builder)s"
        super().__init__(mode, tags, builders, schedulers, branches, subject, add_logs, add_patch)
        self.formatter = MessageFormatter() if message_formatter is None else message_formatter
        if report_new:
            self.wanted_event_keys = [("builds", None, "finished"), ("builds", None, "new")]

    @async_to_deferred
    async def generate(self, master, reporter, key, build):
        is_new = key[2] == "new"
        want_previous = False if is_new else self._want_previous_build()
        await _details(master, build, self.formatter, self.add_logs, want_previous)
        if not self.is_message_needed_by_props(build):
            return None
        if not is_new and not self.is_message_needed_by_results(build):
            return None
        return await self.build_message(self.formatter, master, reporter, build)

    def _want_previous_build(self):
        return "change" in self.mode or "problem" in self.mode


@provides("IReportGenerator")
class BuildStartEndStatusGenerator(BuildStatusGeneratorMixin):
    """A report when a build starts and one when it ends, however it ends."""

    wanted_event_keys = [("builds", None, "new"), ("builds", None, "finished")]
    compare_attrs = ["start_formatter", "end_formatter"]
    _described_own = ()

    @recorded
    def __init__(
        self,
        tags=None,
        builders=None,
        schedulers=None,
        branches=None,
        add_logs=None,
        add_patch=False,
        start_formatter=None,
        end_formatter=None,
    ):
        super().__init__("all", tags, builders, schedulers, branches, None, add_logs, add_patch)
        if start_formatter is None:
            start_formatter = MessageFormatterRenderable("Build started.")
        if end_formatter is None:
            end_formatter = MessageFormatterRenderable("Build done.")
        self.start_formatter = start_formatter
        self.end_formatter = end_formatter

    @async_to_deferred
    async def generate(self, master, reporter, key, build):
        formatter = self.start_formatter if key[2] == "new" else self.end_formatter
        await _details(master, build, formatter, self.add_logs)
        if not self.is_message_needed_by_props(build):
            return None
        return await self.build_message(formatter, master, reporter, build)
