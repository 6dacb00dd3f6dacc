"""What the handlers share: reading requests and times."""

from __future__ import annotations

import datetime
import json

from buildbot.util import bytes2unicode


def log(text):
    from twisted.python import log as twisted_log

    twisted_log.msg(text)


def body_of(request):
    """The body of a request as text."""
    return bytes2unicode(request.content.read())


def form_payload(request):
    """The JSON in the field `payload` of a form."""
    return json.loads(bytes2unicode(request.args[b"payload"][0]))


def moment(text):
    """The time that an ISO 8601 text says, in the forms that the services use."""
    text = text.strip().replace(" ", "T", 1)
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"
    if len(text) > 5 and text[-5] in "+-" and text[-4:].isdigit():
        text = f"{text[:-2]}:{text[-2:]}"
    if "." in text:
        # Python before 3.11 takes three or six digits only
        whole, rest = text.split(".", 1)
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{whole}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    return datetime.datetime.fromisoformat(text)


def person(who):
    return f"{who['name']} <{who['email']}>"


def add_codebase(change, codebase, payload):
    """Sets the code base of a change to what the option says: a text, or a function's answer."""
    if codebase is not None:
        change["codebase"] = codebase(payload) if callable(codebase) else codebase
