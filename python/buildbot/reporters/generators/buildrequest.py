"""Reports about builds that wait to be started."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.process.results import CANCELLED
from buildbot.reporters.generators.utils import BuildStatusGeneratorMixin
from buildbot.reporters.message import MessageFormatterRenderable
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "Build BuildRequest Properties defer implementer interfaces")


@provides("IReportGenerator")
class BuildRequestGenerator(BuildStatusGeneratorMixin):
    """A report when a build is requested and when the request is cancelled."""

    wanted_event_keys = [("buildrequests", None, "new"), ("buildrequests", None, "cancel")]
    compare_attrs = ["formatter"]
    _described_own = ()

    @recorded
    def __init__(
        self,
        tags=None,
        builders=None,
        schedulers=None,
        branches=None,
        add_patch=False,
        formatter=None,
    ):
        super().__init__("all", tags, builders, schedulers, branches, None, None, add_patch)
        if formatter is None:
            formatter = MessageFormatterRenderable("Build pending.")
        self.formatter = formatter

    @by_master
    def partial_build_dict(self, master, buildrequest): ...

    @async_to_deferred
    async def generate(self, master, reporter, key, buildrequest):
        build = await any_to_async(self.partial_build_dict(master, buildrequest))
        if not self.is_message_needed_by_props(build):
            return None
        if key[2] == "cancel":
            build["complete"] = True
            build["results"] = CANCELLED
        return await self.buildrequest_message(master, build)

    @async_to_deferred
    async def buildrequest_message(self, master, build):
        from buildbot.reporters import utils

        users = await utils.get_responsible_users_for_buildset(
            master, build["buildset"]["buildsetid"]
        )
        message = await any_to_async(
            self.formatter.format_message_for_build(
                master, build, is_buildset=True, mode=self.mode, users=users
            )
        )
        return {
            "body": message["body"],
            "subject": message["subject"],
            "type": message["type"],
            "results": build["results"],
            "builds": [build],
            "buildset": build["buildset"],
            "users": list(users),
            "patches": self._get_patches_for_build(build),
            "logs": [],
            "extra_info": message["extra_info"],
        }
