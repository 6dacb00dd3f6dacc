"""Build requests, and the source stamps and changes in them, as code of users sees them."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot.process.results import SKIPPED

__all__ = [
    "BuildRequest",
    "BuildRequestCollapser",
    "SKIPPED",
    "TempChange",
    "TempSourceStamp",
]

__getattr__ = elsewhere(__name__, "defer properties resultspec")


class BuildRequestCollapser:
    """Skips pending requests that new ones make superfluous."""

    def __init__(self, master, brids):
        self.master = master
        self.brids = brids

    def _getUnclaimedBrs(self, builderid):
        return self.master.data.get(("builders", builderid, "buildrequests"))

    def collapse(self):
        """The master does it when requests come in."""
        return runtime.ask(self.master, "collapseRequests", brids=self.brids)


class TempSourceStamp:
    """A source stamp; its parts are attributes."""

    ATTRS = ("branch", "revision", "repository", "project", "codebase")
    PATCH_ATTRS = (
        ("patch_level", "level"),
        ("patch_body", "body"),
        ("patch_subdir", "subdir"),
        ("patch_author", "author"),
        ("patch_comment", "comment"),
    )

    def __init__(self, ssdict):
        self._ssdict = ssdict

    @classmethod
    def from_description(cls, data):
        """Of a dictionary: the parts, and under `changes` those of its changes."""
        parts = dict(data)
        changes = parts.pop("changes", None) or ()
        stamp = cls(parts)
        stamp.changes = [TempChange(change) for change in changes]
        return stamp

    def __getattr__(self, attr):
        if attr.startswith("__") or attr == "_ssdict":
            raise AttributeError(attr)
        patch = self._ssdict.get("patch")
        if attr == "patch":
            return (patch["level"], patch["body"], patch["subdir"]) if patch else None
        if attr == "patch_info":
            return (patch["author"], patch["comment"]) if patch else (None, None)
        if attr in self.ATTRS or attr == "ssid":
            return self._ssdict[attr]
        raise AttributeError(attr)

    def asSSDict(self):
        return self._ssdict

    def asDict(self):
        """The parts in one flat dictionary."""
        parts = {name: getattr(self, name) for name in self.ATTRS}
        patch = self._ssdict.get("patch") or {}
        parts.update((name, patch.get(key)) for name, key in self.PATCH_ATTRS)
        return parts


class TempChange:
    """A change; its parts are attributes, `who` is the author."""

    def __init__(self, d):
        self._chdict = d

    def __getattr__(self, attr):
        if attr.startswith("__") or attr == "_chdict":
            raise AttributeError(attr)
        if attr == "who":
            return self._chdict["author"]
        if attr == "properties":
            from buildbot.process.properties import Properties

            return Properties.fromDict(self._chdict["properties"])
        return self._chdict[attr]

    def asChDict(self):
        return self._chdict


class BuildRequest:
    """A request for a build."""

    submittedAt = None
    sources: dict = {}

    @classmethod
    def from_description(cls, data, master=None):
        """Of a dictionary.

        Its keys are the attributes of the request; `properties` holds name → (value, source),
        `sources` a list of source stamps.
        """
        from buildbot.process.properties import Properties

        request = cls()
        request.master = master
        for name in (
            "id",
            "bsid",
            "buildername",
            "builderid",
            "priority",
            "submittedAt",
            "waitedFor",
            "reason",
        ):
            setattr(request, name, data.get(name))
        request.properties = Properties.fromDict(data.get("properties") or {})
        stamps = map(TempSourceStamp.from_description, data.get("sources") or ())
        request.sources = {stamp.codebase: stamp for stamp in stamps}
        return request

    @classmethod
    def fromBrdict(cls, master, brdict):
        return runtime.ask(master, "getBuildRequest", brid=brdict.buildrequestid)

    @classmethod
    def _make_br(cls, brid, brdict, master):
        return cls.fromBrdict(master, brdict)

    @staticmethod
    def filter_buildset_props_for_collapsing(bs_props):
        """Name → value of those that schedulers set: they must be equal to collapse requests."""
        return {
            name: value
            for name, (value, source) in bs_props.items()
            if name != "scheduler" and source == "Scheduler"
        }

    @staticmethod
    @runtime.inline
    def canBeCollapsed(master, new_br, old_br):
        """Whether the new request asks for the same as the old one; a Deferred."""
        if new_br["buildsetid"] == old_br["buildsetid"]:
            return True
        if new_br["buildrequestid"] < old_br["buildrequestid"]:
            return False
        buildsets, properties = [], []
        for request in (new_br, old_br):
            path = ("buildsets", request["buildsetid"])
            buildsets.append((yield master.data.get(path)))
            wanted = yield master.data.get((*path, "properties"))
            properties.append(BuildRequest.filter_buildset_props_for_collapsing(wanted))
        new, old = (
            {stamp["codebase"]: stamp for stamp in buildset["sourcestamps"]}
            for buildset in buildsets
        )
        if new.keys() != old.keys() or properties[0] != properties[1]:
            return False
        for codebase, stamp in new.items():
            other = old[codebase]
            if any(stamp[name] != other[name] for name in ("repository", "branch", "project")):
                return False
            if stamp["patch"] or other["patch"]:
                return False
            has_changes = []
            for one in (stamp, other):
                found = yield master.data.get(("sourcestamps", one["ssid"], "changes"))
                has_changes.append(bool(found))
            if has_changes[0] != has_changes[1]:
                return False
            if not has_changes[0] and stamp["revision"] != other["revision"]:
                return False
        return True

    def mergeSourceStampsWith(self, others):
        """A source stamp for each codebase, that of the last request that has it."""
        by_codebase = {}
        for request in (self, *others):
            by_codebase.update(request.sources)
        return list(by_codebase.values())

    def mergeReasons(self, others):
        """The different reasons, separated by commas."""
        reasons = dict.fromkeys(request.reason for request in (self, *others) if request.reason)
        return ", ".join(reasons)

    def getSubmitTime(self):
        return self.submittedAt
