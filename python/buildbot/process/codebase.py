"""Codebases that projects consist of."""

from __future__ import annotations

from buildbot._host.compare import ComparableMixin
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.config.checks import check_param_str

__getattr__ = elsewhere(__name__, "util")


class Codebase(ComparableMixin, Described):
    """A codebase of a project."""

    compare_attrs = ("name", "slug", "project")

    @recorded
    def __init__(self, name, project, slug=None):
        if slug is None:
            slug = name
        self.name = check_param_str(name, Codebase, "name")
        self.slug = check_param_str(slug, Codebase, "slug")
        self.project = check_param_str(project, Codebase, "project")
