"""Small functions and base classes that configurations use while they are read and later."""

from __future__ import annotations

import datetime
import re
import sys
import time

from buildbot._host.compare import ComparableMixin

__all__ = [
    "ComparableMixin",
    "NotABranch",
    "UTC",
    "asyncSleep",
    "bytes2unicode",
    "check_functional_environment",
    "command_to_string",
    "datetime2epoch",
    "deferredLocked",
    "dictionary_merge",
    "diffSets",
    "epoch2datetime",
    "flatten",
    "flattened_iterator",
    "formatInterval",
    "fuzzyInterval",
    "human_readable_delta",
    "in_reactor",
    "join_list",
    "makeList",
    "naturalSort",
    "none_or_str",
    "now",
    "rewrap",
    "safeTranslate",
    "string2boolean",
    "stripUrlPassword",
    "toJson",
    "unicode2bytes",
]

UTC = datetime.timezone.utc

# Names that other modules of this package define; they are loaded when somebody asks for them.
_ELSEWHERE = {
    "deferredLocked": ("misc", "deferredLocked"),
    "Notifier": ("_notifier", "Notifier"),
    "giturlparse": ("giturlparse", "giturlparse"),
    "IConfigured": ("config", "IConfigured"),
}


def __getattr__(name):
    import importlib

    if name in _ELSEWHERE:
        module, member = _ELSEWHERE[name]
        value = getattr(importlib.import_module(f"buildbot.util.{module}"), member)
    elif name == "misc":
        value = importlib.import_module("buildbot.util.misc")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


# Lists and dictionaries


def naturalSort(array):
    """A sorted copy in which the digits inside of texts count as numbers: x2 before x10."""

    def key(text):
        parts = re.split(r"(\d+)", text)
        parts[1::2] = map(int, parts[1::2])
        return parts

    return sorted(array, key=key)


def flattened_iterator(l, types=(list, tuple)):  # noqa: E741
    """The leaves of nested lists, one after the other."""
    if not isinstance(l, types):
        yield l
        return
    for element in l:
        yield from flattened_iterator(element, types)


def flatten(l, types=(list,)):  # noqa: E741
    """The leaves of nested lists as one list; what is no list is returned as it is."""
    if not isinstance(l, types):
        return l
    return list(flattened_iterator(l, types))


def diffSets(old, new):
    """What was removed and what was added: two sets."""
    old, new = set(old), set(new)
    return old - new, new - old


def makeList(input):
    """None is the empty list, a text a list of itself, anything else iterated."""
    if isinstance(input, str):
        return [input]
    return [] if input is None else list(input)


def dictionary_merge(a, b):
    """A new dictionary of both; nested dictionaries are merged, else `b` wins."""
    merged = dict(a)
    for key, theirs in b.items():
        ours = merged.get(key)
        both = isinstance(ours, dict) and isinstance(theirs, dict)
        merged[key] = dictionary_merge(ours, theirs) if both else theirs
    return merged


# Times


def now(_reactor=None):
    """Seconds since 1970 by the given clock or the real one."""
    if hasattr(_reactor, "seconds"):
        return _reactor.seconds()
    return time.time()


def epoch2datetime(epoch):
    if epoch is None:
        return None
    return datetime.datetime.fromtimestamp(epoch, tz=UTC)


def datetime2epoch(dt):
    """Whole seconds since 1970; a time without zone counts as UTC."""
    if dt is None:
        return None
    if dt.tzinfo is None:
        dt = dt.replace(tzinfo=UTC)
    return int((dt - datetime.datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() // 1)


def formatInterval(eta):
    """`1 hrs, 2 mins, 3 secs`; minutes and hours only for more than one of the smaller unit."""
    words = []
    if eta > 3600:
        words.append(f"{eta // 3600} hrs")
        eta %= 3600
    if eta > 60:
        words.append(f"{eta // 60} mins")
        eta %= 60
    words.append(f"{eta} secs")
    return ", ".join(words)


def fuzzyInterval(seconds):
    """A length of time as people say it: `2 minutes`, `an hour`."""
    if seconds <= 1:
        return "a moment"
    if seconds < 20:
        return f"{seconds:d} seconds"
    if seconds < 55:
        return f"{_tens(seconds)} seconds"
    minutes = round(seconds / 60.0)
    hours = round(minutes / 60.0)
    days = (hours + 6) // 24
    months = int((days + 10) / 30.5)
    if minutes < 55:
        return _counted(minutes if minutes < 20 else _tens(minutes), "a minute", "minutes")
    if hours < 24:
        return _counted(hours, "an hour", "hours")
    if days < 30:
        return _counted(days, "a day", "days")
    if months < 12:
        return _counted(months, "a month", "months")
    return _counted(round(days / 365.25), "a year", "years")


def _tens(number):
    return round(number / 10.0) * 10


def _counted(number, one, many):
    return one if number == 1 else f"{number} {many}"


def human_readable_delta(start, end):
    """The time between two epochs in words, zero parts left out."""
    delta = datetime.datetime.fromtimestamp(end) - datetime.datetime.fromtimestamp(start)
    minutes, seconds = divmod(delta.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((delta.days, "days"), (hours, "hours"), (minutes, "minutes"), (seconds, "seconds"))
    words = [f"{number} {unit}" for number, unit in parts if number > 0]
    return ", ".join(words) or "super fast"


# Branches


class _NotABranch:
    """Says "no branch was chosen" where None means the default branch."""

    def __bool__(self):
        return False


NotABranch = _NotABranch()


# Texts

badchars_map = bytes(
    ord("_") if byte in b"\t !#$%&'()*+,./:;<=>?@[\\]^{|}~" else byte for byte in range(256)
)


def safeTranslate(s):
    """Bytes in which what is no good in a file name is an underscore."""
    if isinstance(s, str):
        s = s.encode("utf8")
    return s.translate(badchars_map)


def none_or_str(x):
    return None if x is None else str(x)


def unicode2bytes(x, encoding="utf-8", errors="strict"):
    """A text encoded; everything else as it is."""
    return x.encode(encoding, errors) if isinstance(x, str) else x


def bytes2unicode(x, encoding="utf-8", errors="strict"):
    """Bytes decoded; texts and None as they are."""
    if x is None or isinstance(x, str):
        return x
    return str(x, encoding, errors)


def string2boolean(str):
    """The truth that the bytes of a form field say; KeyError for anything else."""
    said = str.lower()
    for truth, spellings in _TRUTHS:
        if said in spellings:
            return truth
    raise KeyError(said)


_TRUTHS = (
    (True, (b"on", b"true", b"yes", b"1")),
    (False, (b"off", b"false", b"no", b"0")),
)

_netloc_url_re = re.compile(r":[^@]*@")


def stripUrlPassword(url):
    """The address with its password replaced."""
    from urllib.parse import urlsplit, urlunsplit

    parts = list(urlsplit(url))
    parts[1] = _netloc_url_re.sub(":xxxx@", parts[1])
    return urlunsplit(parts)


def join_list(maybeList):
    """A list of texts as one line; a text as it is."""
    if isinstance(maybeList, (list, tuple)):
        return " ".join(bytes2unicode(text) for text in maybeList)
    return bytes2unicode(maybeList)


def command_to_string(command):
    """The first two words of a command in quotes, for descriptions; None if there are none."""
    if not command:
        return None
    if isinstance(command, bytes):
        command = command.decode("utf-8", "replace")
    if isinstance(command, str):
        words = command.split()
    else:
        try:
            len(command)
        except (AttributeError, TypeError):
            return None  # a renderable, not known yet
        words = flatten(command, (list, tuple))
    shown = []
    for word in words[:2]:
        if isinstance(word, bytes):
            word = word.decode("utf-8", "replace")
        elif not isinstance(word, (str, int)):
            continue
        shown.append(str(word))
    if not shown:
        return None
    rest = " ..." if len(words) > 2 else ""
    return f"'{' '.join(shown)}{rest}'"


def rewrap(text, width=None):
    """Paragraphs filled anew without their common indent; indented lines stay as they are."""
    import itertools
    import textwrap

    width = 80 if width is None else width
    lines = textwrap.dedent(text).splitlines(True)
    out = []
    for indented, block in itertools.groupby(lines, lambda line: line[0].isspace()):
        block = "".join(block)
        out.append(block if indented else textwrap.fill(block, width))
    return "".join(out)


def toJson(obj):
    """For `json.dumps(default=…)`: times as seconds since 1970."""
    if isinstance(obj, datetime.datetime):
        return datetime2epoch(obj)
    return None


# The running process


def in_reactor(f):
    """Decorates a function so that a call runs the reactor until the result is there."""

    def run(*args, **kwargs):
        from twisted.internet import defer, reactor

        outcome = []

        def finish(result):
            outcome.append(result)
            reactor.stop()

        def start():
            defer.maybeDeferred(f, *args, **kwargs).addBoth(finish)

        reactor.callWhenRunning(start)
        reactor.run()
        result = outcome[0] if outcome else None
        if hasattr(result, "printTraceback"):
            result.printTraceback(file=sys.stderr)
            return 1
        return result

    run.__name__ = f.__name__
    run.__doc__ = f.__doc__
    return run


def asyncSleep(delay, reactor=None):
    """A Deferred that fires after so many seconds."""
    from twisted.internet import task

    if reactor is None:
        from twisted.internet import reactor
    return task.deferLater(reactor, delay, lambda: None)


def check_functional_environment(config):
    """Reports locale settings with which Python cannot work."""
    import locale

    try:
        locale.getpreferredencoding()
    except (KeyError, ValueError) as problem:
        config.error(
            "\n".join(
                [
                    "Your environment has incorrect locale settings. "
                    "This means python cannot handle strings safely.",
                    " Please check 'LANG', 'LC_CTYPE', 'LC_ALL' and 'LANGUAGE' "
                    "are either unset or set to a valid locale.",
                    str(problem),
                ]
            )
        )
