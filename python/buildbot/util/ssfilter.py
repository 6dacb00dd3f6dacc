"""Conditions on the attributes of source stamps and changes."""

from __future__ import annotations

import re

from buildbot._host.record import Described, recorded
from buildbot.util import ComparableMixin, NotABranch


def extract_filter_values(values, filter_name):
    """A list of texts out of one text or such a list."""
    if not isinstance(values, (list, str)):
        raise ValueError(f"Values of filter {filter_name} must be list of strings or a string")
    if isinstance(values, str):
        return [values]
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"Value of filter {filter_name} must be string")
    return values


def extract_filter_values_branch(values, filter_name):
    """As `extract_filter_values`; None is the default branch."""
    if not isinstance(values, (list, str, type(None))):
        raise ValueError(
            f"Values of filter {filter_name} must be list of strings, a string or None"
        )
    if not isinstance(values, list):
        return [values]
    for value in values:
        if not isinstance(value, (str, type(None))):
            raise ValueError(f"Value of filter {filter_name} must be string or None")
    return values


def extract_filter_values_regex(values, filter_name):
    """As `extract_filter_values`; compiled patterns are good, too."""
    if not isinstance(values, (list, str, re.Pattern)):
        raise ValueError(
            f"Values of filter {filter_name} must be list of strings, a string or regex"
        )
    if not isinstance(values, list):
        return [values]
    for value in values:
        if not isinstance(value, (str, re.Pattern)):
            raise ValueError(f"Value of filter {filter_name} must be string or regex")
    return values


def extract_filter_values_dict(values, filter_name):
    """Property name → list of texts."""
    if not isinstance(values, dict):
        raise ValueError(f"Value of filter {filter_name} must be dict")
    return {key: extract_filter_values(value, filter_name) for key, value in values.items()}


def extract_filter_values_dict_regex(values, filter_name):
    """Property name → list of patterns."""
    if not isinstance(values, dict):
        raise ValueError(f"Value of filter {filter_name} must be dict")
    return {key: extract_filter_values_regex(value, filter_name) for key, value in values.items()}


class _FilterExactMatch(ComparableMixin):
    """The value is one of `values`."""

    compare_attrs = ("prop", "values")

    def __init__(self, prop, values):
        self.prop = prop
        self.values = values

    def is_matched(self, value):
        return value in self.values

    def describe(self):
        return f"{self.prop} in {self.values}"


class _FilterExactMatchInverse(_FilterExactMatch):
    """The value is none of `values`."""

    def is_matched(self, value):
        return value not in self.values

    def describe(self):
        return f"{self.prop} not in {self.values}"


class _FilterRegex(ComparableMixin):
    """One of the patterns fits the beginning of the value."""

    compare_attrs = ("prop", "regexes")

    def __init__(self, prop, regexes):
        self.prop = prop
        self.regexes = [re.compile(regex) for regex in regexes]

    def is_matched(self, value):
        return value is not None and any(regex.match(value) for regex in self.regexes)

    def describe(self):
        return f"{self.prop} matches {self.regexes}"


class _FilterRegexInverse(_FilterRegex):
    """None of the patterns fits the beginning of the value."""

    def is_matched(self, value):
        return value is None or not any(regex.match(value) for regex in self.regexes)

    def describe(self):
        return f"{self.prop} does not match {self.regexes}"


def _regex_filters(regex, not_regex, prop):
    filters = []
    if regex is not None:
        patterns = extract_filter_values_regex(regex, f"{prop}_re")
        filters.append(_FilterRegex(prop, patterns))
    if not_regex is not None:
        patterns = extract_filter_values_regex(not_regex, f"{prop}_not_re")
        filters.append(_FilterRegexInverse(prop, patterns))
    return filters


def _create_branch_filters(eq, not_eq, regex, not_regex, prop):
    filters = []
    if eq is not NotABranch:
        values = extract_filter_values_branch(eq, f"{prop}_eq")
        filters.append(_FilterExactMatch(prop, values))
    if not_eq is not NotABranch:
        values = extract_filter_values_branch(not_eq, f"{prop}_not_eq")
        filters.append(_FilterExactMatchInverse(prop, values))
    return filters + _regex_filters(regex, not_regex, prop)


def _create_filters(eq, not_eq, regex, not_regex, prop):
    filters = []
    if eq is not None:
        filters.append(_FilterExactMatch(prop, extract_filter_values(eq, f"{prop}_eq")))
    if not_eq is not None:
        values = extract_filter_values(not_eq, f"{prop}_not_eq")
        filters.append(_FilterExactMatchInverse(prop, values))
    return filters + _regex_filters(regex, not_regex, prop)


def _create_property_filters(eq, not_eq, regex, not_regex, arg_prefix):
    filters = []
    for given, suffix, extract, kind in (
        (eq, "eq", extract_filter_values_dict, _FilterExactMatch),
        (not_eq, "not_eq", extract_filter_values_dict, _FilterExactMatchInverse),
        (regex, "re", extract_filter_values_dict_regex, _FilterRegex),
        (not_regex, "not_re", extract_filter_values_dict_regex, _FilterRegexInverse),
    ):
        if given is not None:
            values = extract(given, f"{arg_prefix}_{suffix}")
            filters.extend(kind(prop, chosen) for prop, chosen in values.items())
    return filters


class SourceStampFilter(Described, ComparableMixin):
    """Accepts source stamps that fulfil all its conditions."""

    compare_attrs = ("filter_fn", "filters")

    @recorded
    def __init__(
        self,
        filter_fn=None,
        project_eq=None,
        project_not_eq=None,
        project_re=None,
        project_not_re=None,
        repository_eq=None,
        repository_not_eq=None,
        repository_re=None,
        repository_not_re=None,
        branch_eq=NotABranch,
        branch_not_eq=NotABranch,
        branch_re=None,
        branch_not_re=None,
        codebase_eq=None,
        codebase_not_eq=None,
        codebase_re=None,
        codebase_not_re=None,
    ):
        self.filter_fn = filter_fn
        self.filters = [
            *_create_filters(project_eq, project_not_eq, project_re, project_not_re, "project"),
            *_create_filters(
                codebase_eq, codebase_not_eq, codebase_re, codebase_not_re, "codebase"
            ),
            *_create_filters(
                repository_eq, repository_not_eq, repository_re, repository_not_re, "repository"
            ),
            *_create_branch_filters(branch_eq, branch_not_eq, branch_re, branch_not_re, "branch"),
        ]

    def is_matched(self, ss):
        if self.filter_fn is not None and not self.filter_fn(ss):
            return False
        return all(condition.is_matched(ss[condition.prop]) for condition in self.filters)

    def __repr__(self):
        checks = [] if self.filter_fn is None else [f"{self.filter_fn.__name__}()"]
        checks.extend(condition.describe() for condition in self.filters)
        return f"<{type(self).__name__} on {' and '.join(checks)}>"
