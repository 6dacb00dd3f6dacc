"""Message formatters: what a report says.

Templates are Jinja2's. They are compiled when they are needed; those of users already when they
are given, if Jinja2 is installed, so that a mistake shows early.
"""

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
    Results,
    statusToString,
)
from buildbot.reporters import templates
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(__name__, "Properties RETRY SKIPPED defer")


default_body_template_plain = templates.BODY_PLAIN
default_body_template_html = templates.BODY_HTML
default_subject_template = templates.SUBJECT
default_missing_template_plain = templates.MISSING_PLAIN
default_missing_template_html = templates.MISSING_HTML
default_missing_worker_subject_template = templates.MISSING_SUBJECT


def get_detected_status_text(mode, results, previous_results):
    """A build's result in words, compared with the build before if the mode asks for that."""
    compares = "change" in mode and previous_results is not None and previous_results != results
    if results == FAILURE:
        fresh = (
            ("change" in mode or "problem" in mode)
            and previous_results is not None
            and previous_results != FAILURE
        )
        return "new failure" if fresh else "failed build"
    if results == WARNINGS:
        return "problem in the build"
    if results == SUCCESS:
        return "restored build" if compares else "passing build"
    if results == EXCEPTION:
        return "build exception"
    return f"{statusToString(results)} build"


def get_message_summary_text(build, results):
    """One line about how a build ended."""
    details = ""
    if build["state_string"]:
        details = ": " + build["state_string"]
    if results == SUCCESS:
        return "Build succeeded!"
    if results == WARNINGS:
        return f"Build Had Warnings{details}"
    if results == CANCELLED:
        return "Build was cancelled"
    return f"BUILD FAILED{details}"


def get_message_source_stamp_text(source_stamps):
    """One line for each source stamp."""
    lines = []
    for stamp in source_stamps:
        codebase = f" '{stamp['codebase']}'" if stamp["codebase"] else ""
        branch = f"[branch {stamp['branch']}] " if stamp["branch"] else ""
        revision = stamp["revision"] or "HEAD"
        patch = " (plus patch)" if stamp["patch"] is not None else ""
        lines.append(f"Build Source Stamp{codebase}: {branch}{revision}{patch}\n")
    return "".join(lines)


def get_projects_text(source_stamps, master):
    """The projects that the source stamps name, or the title of the master."""
    named = {stamp["project"] for stamp in source_stamps if stamp["project"]}
    return ", ".join(sorted(named)) if named else master.config.title


def create_context_for_build(mode, build, is_buildset, master, blamelist):
    """What templates and functions can say about one build."""
    from buildbot.reporters import utils

    results = build["results"]
    previous = build.get("prev_build")
    previous_results = previous["results"] if previous else None
    stamps = build["buildset"]["sourcestamps"]
    builder = build["builder"]
    return {
        "results": results,
        "result_names": Results,
        "mode": mode,
        "buildername": builder["name"],
        "workername": build["properties"].get("workername", ["<unknown>"])[0],
        "buildset": build["buildset"],
        "build": build,
        "is_buildset": is_buildset,
        "projects": get_projects_text(stamps, master),
        "previous_results": previous_results,
        "status_detected": get_detected_status_text(mode, results, previous_results),
        "build_url": utils.getURLForBuild(master, builder["builderid"], build["number"]),
        "buildbot_title": master.config.title,
        "buildbot_url": master.config.buildbotURL,
        "blamelist": blamelist,
        "summary": get_message_summary_text(build, results),
        "sourcestamps": get_message_source_stamp_text(stamps),
    }


def create_context_for_buildset(mode, buildset, builds, master, blamelist):
    """What templates and functions can say about a whole build set."""
    results = buildset["results"]
    stamps = buildset["sourcestamps"]
    return {
        "results": results,
        "result_names": Results,
        "mode": mode,
        "buildset": buildset,
        "builds": builds,
        "is_buildset": True,
        "projects": get_projects_text(stamps, master),
        "status_detected": get_detected_status_text(mode, results, None),
        "buildbot_title": master.config.title,
        "buildbot_url": master.config.buildbotURL,
        "blamelist": blamelist,
        "sourcestamps": get_message_source_stamp_text(stamps),
    }


def create_context_for_worker(master, worker):
    """What templates can say about a worker that went away."""
    return {
        "buildbot_title": master.config.title,
        "buildbot_url": master.config.buildbotURL,
        "worker": worker,
    }


class MessageFormatterBase(Described, util.ComparableMixin):
    """Base of formatters: override the `render_…` or the `format_…` methods."""

    _described_hooks = ("formatMessageForMissingWorker",)
    template_type = "plain"

    @recorded
    def __init__(
        self,
        ctx=None,
        want_properties=True,
        want_steps=False,
        want_logs=False,
        want_logs_content=False,
    ):
        self.context = {} if ctx is None else ctx
        self.want_properties = want_properties
        self.want_steps = want_steps
        self.want_logs = want_logs
        self.want_logs_content = want_logs_content

    def buildAdditionalContext(self, master, ctx):
        ctx.update(self.context)

    @async_to_deferred
    async def render_message_dict(self, master, context):
        """The message as a dictionary: body, type, subject, extra_info."""
        await any_to_async(self.buildAdditionalContext(master, context))
        body = await any_to_async(self.render_message_body(context))
        subject = await any_to_async(self.render_message_subject(context))
        extra_info = await any_to_async(self.render_message_extra_info(context))
        return {
            "body": body,
            "type": self.template_type,
            "subject": subject,
            "extra_info": extra_info,
        }

    def render_message_body(self, context):
        return None

    def render_message_subject(self, context):
        return None

    def render_message_extra_info(self, context):
        return None

    def format_message_for_build(self, master, build, **kwargs):
        raise NotImplementedError

    def format_message_for_buildset(self, master, buildset, builds, **kwargs):
        raise NotImplementedError


class MessageFormatterEmpty(MessageFormatterBase):
    """Says nothing."""

    def format_message_for_build(self, master, build, **kwargs):
        return {"body": None, "type": "plain", "subject": None, "extra_info": None}

    def format_message_for_buildset(self, master, buildset, builds, **kwargs):
        return {"body": None, "type": "plain", "subject": None}


class MessageFormatterFunctionRaw(MessageFormatterBase):
    """A user's function makes the whole message from the master and the context."""

    @recorded
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self._function = function

    async def _called(self, master, context):
        answer = await any_to_async(self._function(master, context))
        return {
            "body": answer.get("body"),
            "type": answer.get("type", "plain"),
            "subject": answer.get("subject"),
            "extra_info": answer.get("extra_info"),
        }

    @async_to_deferred
    async def format_message_for_build(
        self, master, build, is_buildset=False, users=None, mode=None
    ):
        context = create_context_for_build(mode, build, is_buildset, master, users)
        return await self._called(master, context)

    @async_to_deferred
    async def format_message_for_buildset(
        self, master, buildset, builds, users=None, mode=None, **kwargs
    ):
        context = create_context_for_buildset(mode, buildset, builds, master, users)
        return await self._called(master, context)


class MessageFormatterFunction(MessageFormatterBase):
    """A user's function makes the body."""

    @recorded
    def __init__(self, function, template_type, **kwargs):
        super().__init__(**kwargs)
        self.template_type = template_type
        self._function = function

    @async_to_deferred
    async def format_message_for_build(self, master, build, **kwargs):
        return await self.render_message_dict(master, {"build": build})

    @async_to_deferred
    async def format_message_for_buildset(self, master, buildset, builds, **kwargs):
        return await self.render_message_dict(master, {"buildset": buildset, "builds": builds})

    def render_message_body(self, context):
        return self._function(context)

    def render_message_subject(self, context):
        return None


class MessageFormatterRenderable(MessageFormatterBase):
    """Renderables make body and subject from the properties of the build."""

    template_type = "plain"

    @recorded
    def __init__(self, template, subject=None):
        super().__init__()
        self.template = template
        self.subject = subject

    @async_to_deferred
    async def format_message_for_build(self, master, build, **kwargs):
        return await self.render_message_dict(master, {"build": build, "master": master})

    def format_message_for_buildset(self, master, buildset, builds, **kwargs):
        raise NotImplementedError

    async def _rendered(self, value, context):
        from buildbot.process.properties import Properties

        properties = Properties.fromDict(context["build"]["properties"])
        properties.master = context["master"]
        return await any_to_async(properties.render(value))

    @async_to_deferred
    async def render_message_body(self, context):
        return await self._rendered(self.template, context)

    @async_to_deferred
    async def render_message_subject(self, context):
        return await self._rendered(self.subject, context)


class MessageFormatterBaseJinja(MessageFormatterBase):
    """Templates make body and subject."""

    compare_attrs = ["body_template", "subject_template", "template_type"]
    subject_template = None
    template_type = "plain"
    uses_default_body_template = False

    @recorded
    def __init__(
        self, template=None, subject=None, template_type=None, extra_info_cb=None, **kwargs
    ):
        if template_type is not None:
            self.template_type = template_type
        if template is None:
            self.uses_default_body_template = True
            template = self._default_body(
                self.template_type,
                {"plain": default_body_template_plain, "html": default_body_template_html},
            )
            kwargs["want_steps"] = True
            kwargs["want_logs"] = True
        if subject is None:
            subject = default_subject_template
        self.body_template = templates.Template(template)
        self.subject_template = templates.Template(subject)
        self.extra_info_cb = extra_info_cb
        super().__init__(**kwargs)

    def _default_body(self, template_type, by_type):
        known = by_type.get(template_type) if isinstance(template_type, str) else None
        if known is None:
            config.error(
                f"{self.__class__.__name__}: template type {self.template_type} "
                "is not known to pick default template"
            )
        return known

    def buildAdditionalContext(self, master, ctx):
        if self.uses_default_body_template:
            ctx["results_style"] = dict(templates.RESULT_STYLES)
        ctx.update(self.context)

    def render_message_body(self, context):
        return self.body_template.render(context)

    def render_message_subject(self, context):
        return self.subject_template.render(context)

    def render_message_extra_info(self, context):
        return self.extra_info_cb(context) if self.extra_info_cb else None


class MessageFormatter(MessageFormatterBaseJinja):
    """The usual formatter for builds and build sets."""

    @async_to_deferred
    async def format_message_for_build(
        self, master, build, is_buildset=False, users=None, mode=None
    ):
        context = create_context_for_build(mode, build, is_buildset, master, users)
        return await self.render_message_dict(master, context)

    @async_to_deferred
    async def format_message_for_buildset(self, master, buildset, builds, users=None, mode=None):
        context = create_context_for_buildset(mode, buildset, builds, master, users)
        return await self.render_message_dict(master, context)


class MessageFormatterMissingWorker(MessageFormatterBaseJinja):
    """Says that a worker went away."""

    @recorded
    def __init__(self, template=None, subject=None, template_type=None, **kwargs):
        if template_type is None:
            template_type = "plain"
        if template is None:
            template = self._default_body(
                template_type,
                {"plain": default_missing_template_plain, "html": default_missing_template_html},
            )
        if subject is None:
            subject = default_missing_worker_subject_template
        super().__init__(template, subject, template_type, **kwargs)

    @async_to_deferred
    async def formatMessageForMissingWorker(self, master, worker):
        return await self.render_message_dict(master, create_context_for_worker(master, worker))
