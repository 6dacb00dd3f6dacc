"""The base of hook handlers, and the handler of plain forms."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.util import bytes2unicode

__getattr__ = elsewhere(__name__, "defer")

_FIELDS = {
    "author": (b"author",),
    "committer": (b"committer",),
    "comments": (b"comments",),
    "revision": (b"revision",),
    "branch": (b"branch",),
    "category": (b"category",),
    "revlink": (b"revlink",),
    "codebase": (b"codebase",),
}


class BaseHookHandler(Described):
    """Turns a request into changes: override `getChanges`."""

    @recorded
    def __init__(self, master, options):
        self.master = master
        self.options = {} if options is None else options

    def getChanges(self, request):
        """(list of changes, name of the version control system) from the fields of a form."""
        import json

        from buildbot._host.deferreds import defer_module

        def field(*names):
            value = next((request.args[name] for name in names if request.args.get(name)), None)
            if isinstance(value, list):
                value = value[0]
            return bytes2unicode(value)

        properties = field(b"properties")
        files = field(b"files")
        when = field(b"when_timestamp", b"when")
        change = {name: field(*sources) for name, sources in _FIELDS.items()}
        change["author"] = change["author"] or field(b"who")
        change["files"] = [] if files is None else json.loads(files)
        change["properties"] = {} if properties is None else json.loads(properties)
        change["when_timestamp"] = None if when is None else float(when)
        change["repository"] = field(b"repository") or ""
        change["project"] = field(b"project") or ""
        return defer_module().succeed(([change], None))


base = BaseHookHandler
