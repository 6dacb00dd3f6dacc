"""Which changes a scheduler listens to."""

from __future__ import annotations

from buildbot._host.record import Described, recorded
from buildbot.util import ComparableMixin, NotABranch
from buildbot.util.ssfilter import (
    _create_branch_filters,
    _create_filters,
    _create_property_filters,
)

# In the order in which their functions are asked.
_ATTRIBUTES = ("project", "codebase", "repository", "category", "branch")


class ChangeFilter(Described, ComparableMixin):
    """Accepts changes that fulfil all its conditions."""

    compare_attrs = (
        "filter_fn",
        "filters",
        "property_filters",
        "project_fn",
        "repository_fn",
        "branch_fn",
        "category_fn",
        "codebase_fn",
    )

    @recorded
    def __init__(
        self,
        filter_fn=None,
        project=None,
        project_not_eq=None,
        project_re=None,
        project_not_re=None,
        project_fn=None,
        repository=None,
        repository_not_eq=None,
        repository_re=None,
        repository_not_re=None,
        repository_fn=None,
        branch=NotABranch,
        branch_not_eq=NotABranch,
        branch_re=None,
        branch_not_re=None,
        branch_fn=None,
        category=None,
        category_not_eq=None,
        category_re=None,
        category_not_re=None,
        category_fn=None,
        codebase=None,
        codebase_not_eq=None,
        codebase_re=None,
        codebase_not_re=None,
        codebase_fn=None,
        property_eq=None,
        property_not_eq=None,
        property_re=None,
        property_not_re=None,
    ):
        self.filter_fn = filter_fn
        self.project_fn = project_fn
        self.repository_fn = repository_fn
        self.branch_fn = branch_fn
        self.category_fn = category_fn
        self.codebase_fn = codebase_fn
        self.filters = [
            *_create_filters(project, project_not_eq, project_re, project_not_re, "project"),
            *_create_filters(
                repository, repository_not_eq, repository_re, repository_not_re, "repository"
            ),
            *_create_branch_filters(branch, branch_not_eq, branch_re, branch_not_re, "branch"),
            *_create_filters(
                category, category_not_eq, category_re, category_not_re, "category"
            ),
            *_create_filters(
                codebase, codebase_not_eq, codebase_re, codebase_not_re, "codebase"
            ),
        ]
        self.property_filters = _create_property_filters(
            property_eq, property_not_eq, property_re, property_not_re, "property"
        )

    def _functions(self):
        return [
            (name, function)
            for name in _ATTRIBUTES
            for function in (getattr(self, f"{name}_fn"),)
            if function is not None
        ]

    def filter_change(self, change):
        if self.filter_fn is not None and not self.filter_fn(change):
            return False
        for name, function in self._functions():
            if not function(getattr(change, name)):
                return False
        for condition in self.filters:
            if not condition.is_matched(getattr(change, condition.prop)):
                return False
        for condition in self.property_filters:
            if not condition.is_matched(change.properties.getProperty(condition.prop, "")):
                return False
        return True

    def _get_repr_filters(self):
        checks = [] if self.filter_fn is None else [f"{self.filter_fn.__name__}()"]
        checks.extend(f"{function.__name__}({name})" for name, function in self._functions())
        checks.extend(condition.describe() for condition in self.filters)
        checks.extend(condition.describe() for condition in self.property_filters)
        return checks

    def __repr__(self):
        return f"<{type(self).__name__} on {' and '.join(self._get_repr_filters())}>"

    @staticmethod
    def fromSchedulerConstructorArgs(change_filter=None, branch=NotABranch, categories=None):
        """The filter that a scheduler's arguments mean; None if they accept everything."""
        if change_filter is not None:
            if branch is not NotABranch or categories is not None:
                raise RuntimeError(
                    "cannot specify both change_filter and branch or categories"
                )
            return change_filter
        if branch is NotABranch and not categories:
            return None
        conditions = {}
        if branch is not NotABranch:
            conditions["branch"] = branch
        if categories:
            conditions["category"] = categories
        return ChangeFilter(**conditions)
