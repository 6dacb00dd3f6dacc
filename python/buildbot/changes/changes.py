"""A change: what somebody committed, as schedulers and filters see it."""

from __future__ import annotations

import time

from buildbot._host.elsewhere import elsewhere
from buildbot.process.properties import Properties
from buildbot.util import datetime2epoch, none_or_str

__getattr__ = elsewhere(__name__, "defer log util")


class Change:
    """One commit, or one push. Ordered by number."""

    number = None
    branch = None
    category = None
    revision = None
    links: list = []

    @classmethod
    def fromChdict(cls, master, chdict):
        """A Deferred with the change that the database knows as `chdict`."""
        from buildbot.util.service import settled

        return settled(cls._from_record(chdict))

    @classmethod
    def _from_record(cls, record):
        change = cls(None, None, None, _fromChdict=True)
        change.who = record.author
        change.committer = record.committer
        change.comments = record.comments
        change.revision = record.revision
        change.branch = record.branch
        change.category = record.category
        change.revlink = record.revlink
        change.repository = record.repository
        change.codebase = record.codebase
        change.project = record.project
        change.number = record.changeid
        change.when = datetime2epoch(record.when_timestamp)
        change.files = sorted(record.files)
        change.properties = Properties()
        for name, (value, source) in record.properties.items():
            change.properties.setProperty(name, value, source)
        return change

    def __init__(
        self,
        who: str | None,
        files: list[str] | None,
        comments: str | None,
        committer: str | None = None,
        revision: str | None = None,
        when: int | None = None,
        branch: str | None = None,
        category: str | None = None,
        revlink: str = "",
        properties=None,
        repository: str = "",
        codebase: str = "",
        project: str = "",
        _fromChdict: bool = False,
    ):
        if _fromChdict:
            return
        self.who = who
        self.committer = committer
        self.comments = comments
        self.revision = none_or_str(revision)
        now = time.time()
        # Clocks of committers may run ahead; a change does not happen in the future.
        self.when = now if when is None or when > now else when
        self.branch = none_or_str(branch)
        self.category = none_or_str(category)
        self.revlink = revlink
        self.properties = Properties()
        self.properties.update(properties or {}, "Change")
        self.repository = repository
        self.codebase = codebase
        self.project = project
        self.files = sorted(files or [])

    def __setstate__(self, dict):
        self.__dict__ = dict
        # Changes that very old masters stored.
        if not hasattr(self, "project"):
            self.project = ""
        if not hasattr(self, "repository"):
            self.repository = ""

    def __str__(self):
        names = ("revision", "who", "committer", "branch", "comments", "when", "category")
        names += ("project", "repository", "codebase")
        told = ", ".join(f"{name}={getattr(self, name, None)!r}" for name in names)
        return f"Change({told})"

    def _numbers(self, other):
        if not isinstance(other, Change):
            raise NotImplementedError
        # Changes that are not stored yet come before all others.
        return (self.number or 0), (other.number or 0)

    def __eq__(self, other):
        ours, theirs = self._numbers(other)
        return ours == theirs

    def __ne__(self, other):
        ours, theirs = self._numbers(other)
        return ours != theirs

    def __lt__(self, other):
        ours, theirs = self._numbers(other)
        return ours < theirs

    def __le__(self, other):
        ours, theirs = self._numbers(other)
        return ours <= theirs

    def __gt__(self, other):
        ours, theirs = self._numbers(other)
        return ours > theirs

    def __ge__(self, other):
        ours, theirs = self._numbers(other)
        return ours >= theirs

    __hash__ = None

    def asText(self):
        """Many lines for people."""
        lines = ["Files:\n", *(f" {name}\n" for name in self.files)]
        if self.repository:
            lines.append(f"On: {self.repository}\n")
        if self.project:
            lines.append(f"For: {self.project}\n")
        lines.append(f"At: {self.getTime()}\n")
        lines.append(f"Changed By: {self.who}\n")
        lines.append(f"Committed By: {self.committer}\n")
        lines.append(f"Comments: {self.comments}")
        lines.append("Properties: \n")
        lines.extend(
            f"  {name}: {value}" for name, value, _ in sorted(self.properties.asList())
        )
        lines.append("\n\n")
        return "".join(lines)

    def asDict(self):
        """What templates and pages show."""
        return {
            "number": self.number,
            "branch": self.branch,
            "category": self.category,
            "who": self.getShortAuthor(),
            "committer": self.committer,
            "comments": self.comments,
            "revision": self.revision,
            "rev": self.revision,
            "when": self.when,
            "at": self.getTime(),
            "files": [{"name": name} for name in self.files],
            "revlink": getattr(self, "revlink", None),
            "properties": self.properties.asList(),
            "repository": getattr(self, "repository", None),
            "codebase": getattr(self, "codebase", ""),
            "project": getattr(self, "project", None),
        }

    def getShortAuthor(self):
        return self.who

    def getTime(self):
        if not self.when:
            return "?"
        return time.strftime("%a %d %b %Y %H:%M:%S", time.localtime(self.when))

    def getTimes(self):
        return (self.when, None)

    def getText(self):
        import html

        return [html.escape(self.who or "")]

    def getLogs(self):
        return {}
