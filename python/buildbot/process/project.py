"""Projects, which group builders."""

from __future__ import annotations

from buildbot._host.compare import ComparableMixin
from buildbot._host.descriptions import describe_as_html
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.config.checks import (
    check_markdown_support,
    check_param_str,
    check_param_str_none,
)
from buildbot.config.errors import error

__getattr__ = elsewhere(__name__, "util")


class Project(ComparableMixin, Described):
    """A project to which builders belong."""

    compare_attrs = ("name", "slug", "description", "description_format")

    @recorded
    def __init__(self, name, slug=None, description=None, description_format=None):
        if slug is None:
            slug = name
        self.name = check_param_str(name, Project, "name")
        self.slug = check_param_str(slug, Project, "slug")
        self.description = check_param_str_none(description, Project, "description")
        self.description_format = None
        if description_format is not None:
            check_param_str_none(description_format, Project, "description_format")
            if description_format != "markdown":
                error('project description format must be None or "markdown"')
            elif check_markdown_support(Project):
                self.description_format = description_format
                describe_as_html(self, self.description)
