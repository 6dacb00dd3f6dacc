"""Reports about whole build sets."""

from __future__ import annotations

from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.process.results import statusToString
from buildbot.reporters.generators.utils import BuildStatusGeneratorMixin
from buildbot.reporters.message import MessageFormatter
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "defer implementer interfaces")

_SUBJECT = "Buildbot %(result)s in %(title)s on %(builder)s"


async def _details(master, buildset_id, formatter, **more):
    from buildbot.reporters import utils

    return await utils.getDetailsForBuildset(
        master,
        buildset_id,
        want_properties=formatter.want_properties,
        want_steps=formatter.want_steps,
        want_logs=formatter.want_logs,
        want_logs_content=formatter.want_logs_content,
        **more,
    )


@provides("IReportGenerator")
class BuildSetStatusGenerator(BuildStatusGeneratorMixin):
    """One report when all builds of a set have ended: those about its builds, joined."""

    wanted_event_keys = [("buildsets", None, "complete")]
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
        subject=None,
        add_logs=None,
        add_patch=False,
        message_formatter=None,
    ):
        # 4.3.0 takes a subject and does not use it
        super().__init__(mode, tags, builders, schedulers, branches, _SUBJECT, add_logs, add_patch)
        self.formatter = MessageFormatter() if message_formatter is None else message_formatter

    @async_to_deferred
    async def generate(self, master, reporter, key, message):
        found = await _details(
            master,
            message["bsid"],
            self.formatter,
            want_previous_build=self._want_previous_build(),
            add_logs=self.add_logs,
        )
        builds = [
            build
            for build in found["builds"]
            if self.is_message_needed_by_props(build) and self.is_message_needed_by_results(build)
        ]
        if not builds:
            return None
        return await self.buildset_message(
            self.formatter, master, reporter, builds, found["buildset"]
        )

    @async_to_deferred
    async def buildset_message(self, formatter, master, reporter, builds, buildset):
        body = subject = msgtype = extra_info = None
        patches, logs, users = [], [], set()
        for build in builds:
            patches += self._get_patches_for_build(build)
            logs += self._get_logs_for_build(build)
            blamed = await any_to_async(
                reporter.getResponsibleUsersForBuild(master, build["buildid"])
            )
            users.update(blamed)
            message = await any_to_async(
                formatter.format_message_for_build(
                    master, build, is_buildset=True, mode=self.mode, users=blamed
                )
            )
            msgtype, usable = self._merge_msgtype(msgtype, message["type"])
            if not usable:
                continue
            subject = self._merge_subject(subject, message["subject"])
            body, usable = self._merge_body(body, message["body"])
            if not usable:
                continue
            extra_info, _ = self._merge_extra_info(extra_info, message["extra_info"])
        if subject is None and self.subject is not None:
            subject = self.subject % {
                "result": statusToString(buildset["results"]),
                "projectName": master.config.title,
                "title": master.config.title,
                "builder": "whole buildset",
            }
        return {
            "body": body,
            "subject": subject,
            "type": msgtype,
            "results": buildset["results"],
            "builds": builds,
            "buildset": buildset,
            "users": list(users),
            "patches": patches,
            "logs": logs,
            "extra_info": extra_info,
        }

    def _want_previous_build(self):
        return "change" in self.mode or "problem" in self.mode


@provides("IReportGenerator")
class BuildSetCombinedStatusGenerator(Described):
    """One report when all builds of a set have ended, made by the formatter at once."""

    wanted_event_keys = [("buildsets", None, "complete")]
    compare_attrs = ["formatter"]

    @recorded
    def __init__(self, message_formatter):
        self.formatter = message_formatter

    @async_to_deferred
    async def generate(self, master, reporter, key, message):
        found = await _details(master, message["bsid"], self.formatter)
        return await self.buildset_message(
            self.formatter, master, reporter, found["buildset"], found["builds"]
        )

    def check(self):
        pass

    @async_to_deferred
    async def buildset_message(self, formatter, master, reporter, buildset, builds):
        message = await any_to_async(
            formatter.format_message_for_buildset(
                master, buildset, builds, is_buildset=True, mode=("passing",), users=[]
            )
        )
        return {
            "body": message["body"],
            "subject": message["subject"],
            "type": message["type"],
            "extra_info": message["extra_info"],
            "results": buildset["results"],
            "builds": builds,
            "buildset": buildset,
            "users": [],
            "patches": [],
            "logs": [],
        }
