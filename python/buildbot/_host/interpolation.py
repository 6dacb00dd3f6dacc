"""The substitutions of `Interpolate` and `WithProperties`: how they are written and looked up.

``%(selector:…)s``; the grammar stands in the manual of Buildbot, "Interpolate". What reports a
problem goes on with what 4.3.0 goes on with, so that the same further problems follow.
"""

from __future__ import annotations

import re

from buildbot.config.errors import error

identifier_re = re.compile(r"^[\w._-]*$")


class Part:
    """One substitution: what is looked up, and what becomes of it.

    ``mode`` is ``-`` (absent gives ``absent``), ``~`` (false too), ``+`` (``present`` when
    there), ``?`` (``present`` or ``absent``) or ``#?`` (the same by truth). ``present`` and
    ``absent`` are keyed `Interpolate` objects or plain strings.
    """

    __slots__ = ("kind", "codebase", "name", "mode", "present", "absent")

    def __init__(self, kind, codebase, name):
        self.kind = kind
        self.codebase = codebase
        self.name = name
        self.mode = "-"
        self.present = None
        self.absent = ""


def parse(key, nested):
    """The `Part` that `key` stands for, None after reporting that there is none.

    `nested` makes an `Interpolate` of a text inside.
    """
    part, rest = _selected(key)
    if rest is None:
        return part
    sign = rest[0]
    text = rest[1:]
    if sign == "#" and text.startswith("?"):
        sign, text = "#?", text[1:]
    if sign in ("-", "~"):
        part.absent = _within(text, nested)
    elif sign == "+":
        part.present = _within(text, nested)
    elif sign in ("?", "#?"):
        branches = _branches(text)
        if branches is None:
            return None
        part.present, part.absent = (_within(branch, nested) for branch in branches)
    else:
        error(f"invalid Interpolate default type '{rest[0]}'")
        return None
    part.mode = sign
    return part


def _within(text, nested):
    """`text` as an `Interpolate`; itself when there is nothing in it to put in."""
    return nested(text) if "%" in text else text


def _selected(key):
    """The part for `key` and the text that says what becomes of it, None if none does."""
    selector, colon, rest = key.partition(":")
    if not colon:
        error(f"invalid Interpolate substitution without selector '{key}'")
        return None
    parse_rest = _SELECTORS.get(selector)
    if parse_rest is None:
        error(f"invalid Interpolate selector '{selector}'")
        return None
    return parse_rest(rest)


def _identified(kind, what):
    def parse_rest(rest):
        name, colon, more = rest.partition(":")
        if not identifier_re.match(name):
            error(f"{what} must be alphanumeric for {kind} Interpolation '{rest}'")
            return Part(kind, None, None), None
        return Part(kind, None, name), more if colon else None

    return parse_rest


def _free(kind):
    def parse_rest(rest):
        name, colon, more = rest.partition(":")
        return Part(kind, None, name), more if colon else None

    return parse_rest


def _of_source(rest):
    if ":" not in rest:
        error(f"Must specify both codebase and attribute for src Interpolation '{rest}'")
        return Part("src", None, None), None
    codebase, attribute = rest.split(":", 1)
    more = None
    if ":" in attribute:
        attribute, more = attribute.split(":", 1)
    if not identifier_re.match(codebase):
        error(f"Codebase must be alphanumeric for src Interpolation '{rest}'")
        # 4.3.0 goes on without names, and fails with a TypeError.
        codebase = attribute = more = None
    if not identifier_re.match(attribute):
        error(f"Attribute must be alphanumeric for src Interpolation '{rest}'")
        return Part("src", codebase, None), None
    return Part("src", codebase, attribute), more


_SELECTORS = {
    "prop": _identified("prop", "Property name"),
    "secret": _free("secret"),
    "src": _of_source,
    "worker": _free("worker"),
    "kw": _identified("kw", "Keyword"),
}


def _branches(text):
    """The texts of the two branches of a ternary, None after reporting why there are none."""
    delimiter = text[0]
    if delimiter == "(":
        error("invalid Interpolate ternary delimiter '('")
        return None
    text = text[1:]
    depth = 0
    for index, char in enumerate(text):
        if depth == 0 and char == delimiter:
            return text[:index], text[index + 1 :]
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
    error(f"invalid Interpolate ternary expression '{text}' with delimiter '{delimiter}'")
    return None


class OldStyleNames:
    """The mapping behind the keyed form of `WithProperties`."""

    def __init__(self, properties, computed):
        self.properties = properties
        self.computed = computed

    def __getitem__(self, key):
        for sign in (":-", ":~", ":+"):
            name, found, other = key.rpartition(sign)
            if found:
                there, value = self._looked_up(name)
                if sign == ":+":
                    value = other if there else ""
                elif not there or (sign == ":~" and not value):
                    value = other
                break
        else:
            there, value = self._looked_up(key)
            if not there:
                raise KeyError(key)
        return "" if value is None else value

    def _looked_up(self, name):
        if name in self.computed:
            return True, self.computed[name]
        if self.properties.hasProperty(name):
            return True, self.properties[name]
        return False, None
