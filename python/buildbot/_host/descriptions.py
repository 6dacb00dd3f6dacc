"""Descriptions of builders and projects as HTML."""

from __future__ import annotations


def describe_as_html(thing, description):
    """Has the HTML of a Markdown description described with `thing`; the master has no such library."""
    if isinstance(description, str):
        from buildbot.util.render_description import render_description

        html = render_description(description, "markdown")
        thing.__dict__["_described_extra"] = {"html": html}
