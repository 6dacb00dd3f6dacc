"""What the generators have in common: which builds they report, and how reports are joined."""

from __future__ import annotations

from buildbot import config, util
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.process.results import (
    CANCELLED,
    EXCEPTION,
    FAILURE,
    SUCCESS,
    WARNINGS,
    statusToString,
)
from buildbot.util.twisted import any_to_async, async_to_deferred
from buildbot.warnings import warn_deprecated

__getattr__ = elsewhere(__name__, "defer log")

# In the order of the values of `mode`; `all` and `warnings` stand for several of them.
_SHORTCUTS = {
    "all": ("failing", "passing", "warnings", "exception", "cancelled"),
    "warnings": ("failing", "warnings"),
}
_RESULT_OF_MODE = {
    "failing": FAILURE,
    "passing": SUCCESS,
    "warnings": WARNINGS,
    "exception": EXCEPTION,
    "cancelled": CANCELLED,
}
_FILTERS = ("tags", "builders", "schedulers", "branches")


class BuildStatusGeneratorMixin(Described, util.ComparableMixin):
    """Base of the generators that report builds."""

    possible_modes = (
        "change",
        "failing",
        "passing",
        "problem",
        "warnings",
        "exception",
        "cancelled",
    )
    compare_attrs = ["mode", *_FILTERS, "subject", "add_logs", "add_patch"]
    # what a user's generator adds to this class
    _described_hooks = ("generate",)
    _described_own = ("wanted_event_keys",)

    @recorded
    def __init__(self, mode, tags, builders, schedulers, branches, subject, add_logs, add_patch):
        self.mode = self._compute_shortcut_modes(mode)
        if add_logs is not None:
            warn_deprecated(
                "4.1.0",
                f"{self.__class__.__name__} argument add_logs have been deprecated. "
                "Please use want_logs_content of the passed message formatter.",
            )
        self.tags = tags
        self.builders = builders
        self.schedulers = schedulers
        self.branches = branches
        self.subject = subject
        self.add_logs = add_logs
        self.add_patch = add_patch

    # Checks

    def check(self):
        """Reports what is wrong with the arguments; the reporter calls it."""
        self._verify_build_generator_mode(self.mode)
        if self.subject is not None and "\n" in self.subject:
            config.error("Newlines are not allowed in message subjects")
        for name in _FILTERS:
            self._verify_list_or_none_param(name, getattr(self, name))
        if self.builders is not None and self.tags is not None:
            config.error("Please specify only builders or tags to include - not both.")

    def _verify_build_generator_mode(self, mode):
        for one in self._compute_shortcut_modes(mode):
            if one in self.possible_modes:
                continue
            if one == "all":
                config.error(
                    "mode 'all' is not valid in an iterator and must be passed in "
                    "as a separate string"
                )
            else:
                config.error(f"mode {one} is not a valid mode")

    def _verify_list_or_none_param(self, name, param):
        if param is not None and not isinstance(param, list):
            config.error(f"{name} must be a list or None")

    def _compute_shortcut_modes(self, mode):
        if isinstance(mode, str):
            return _SHORTCUTS.get(mode, (mode,))
        return mode

    def generate_name(self):
        """A name that differs between generators with different filters."""
        name = self.__class__.__name__
        for which in _FILTERS:
            chosen = getattr(self, which)
            if chosen is not None:
                name += f"_{which}_" + "+".join(chosen)
        return name + "_".join(self.mode)

    # Choosing

    def is_message_needed_by_props(self, build):
        """Whether builder, tags, scheduler and branch of the build pass the filters."""
        builder, properties = build["builder"], build["properties"]
        if self.builders is not None and builder["name"] not in self.builders:
            return False
        for wanted, name in ((self.schedulers, "scheduler"), (self.branches, "branch")):
            if wanted is None:
                continue
            value = properties.get(name, [None])[0]
            if value not in wanted:
                return False
        return self.tags is None or self._matches_any_tag(builder["tags"])

    def _matches_any_tag(self, tags):
        return any(tag in self.tags for tag in tags)

    def is_message_needed_by_results(self, build):
        """Whether a mode asks for a build that ended this way."""
        results = build["results"]
        previous = None
        if "change" in self.mode or "problem" in self.mode:
            before = build["prev_build"]
            previous = None if before is None else before["results"]
        if previous is not None:
            if "change" in self.mode and previous != results:
                return True
            if "problem" in self.mode and results == FAILURE and previous != FAILURE:
                return True
        return any(_RESULT_OF_MODE.get(mode) == results for mode in self.mode)

    # Joining; each returns the joined value and whether the new one could be used

    def _merge_msgtype(self, msgtype, new_msgtype):
        if new_msgtype is None:
            return msgtype, False
        if msgtype is None:
            return new_msgtype, True
        if msgtype != new_msgtype:
            self._log(
                f"{self}: Incompatible message types for multiple builds "
                f"({msgtype} and {new_msgtype}). Ignoring"
            )
            return msgtype, False
        return msgtype, True

    def _merge_subject(self, subject, new_subject):
        return new_subject if subject is None else subject

    def _merge_body(self, body, new_body):
        if body is None:
            return new_body, True
        if new_body is None:
            return body, True
        for kind in (str, list):
            if isinstance(body, kind) and isinstance(new_body, kind):
                return body + new_body, True
        self._log(
            f"{self}: Incompatible message body types for multiple builds "
            f"({type(body)} and {type(new_body)}). Ignoring"
        )
        return body, False

    def _merge_extra_info(self, info, new_info):
        if info is None:
            return new_info, True
        for key, theirs in (new_info or {}).items():
            ours = info.setdefault(key, theirs)
            if ours is not theirs:
                info[key] = {**theirs, **ours}
        return info, True

    @staticmethod
    def _log(text):
        from twisted.python import log

        log.msg(text)

    # Making

    def _get_patches_for_build(self, build):
        if not self.add_patch:
            return []
        stamps = build["buildset"]["sourcestamps"]
        return [stamp["patch"] for stamp in stamps if stamp.get("patch")]

    def _get_logs_for_build(self, build):
        logs = []
        for step in build.get("steps") or ():
            logs += [log for log in step.get("logs") or () if "content" in log]
        return logs

    @async_to_deferred
    async def build_message(self, formatter, master, reporter, build):
        """The report about one build."""
        users = await any_to_async(reporter.getResponsibleUsersForBuild(master, build["buildid"]))
        message = await any_to_async(
            formatter.format_message_for_build(
                master, build, is_buildset=False, users=users, mode=self.mode
            )
        )
        subject = message["subject"]
        if subject is None and self.subject is not None:
            subject = self.subject % {
                "result": statusToString(build["results"]),
                "projectName": master.config.title,
                "title": master.config.title,
                "builder": build["builder"]["name"],
            }
        return {
            "body": message["body"],
            "subject": subject,
            "type": message["type"],
            "results": build["results"],
            "builds": [build],
            "buildset": build["buildset"],
            "users": list(users),
            "patches": self._get_patches_for_build(build),
            "logs": self._get_logs_for_build(build),
            "extra_info": message["extra_info"],
        }
