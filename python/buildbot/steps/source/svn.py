"""The step for Subversion."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import ConfigErrors
from buildbot.steps.source.base import Source

__all__ = ["ConfigErrors", "SVN", "Source"]

__getattr__ = elsewhere(__name__, "WorkerSetupError buildstep defer log reactor remotecommand")

_PORTS = {"http": 80, "https": 443, "svn": 3690}


class SVN(Source):
    """Fetches from a Subversion repository."""

    name = "svn"
    renderables = ["repourl", "password"]
    possible_methods = ("clean", "fresh", "clobber", "copy", "export", None)

    @recorded
    def __init__(
        self,
        repourl=None,
        mode="incremental",
        method=None,
        username=None,
        password=None,
        extra_args=None,
        keep_on_purge=None,
        depth=None,
        preferLastChangedRev=False,
        **kwargs,
    ):
        self.repourl = repourl
        self.username = username
        self.password = password
        self.extra_args = extra_args
        self.keep_on_purge = keep_on_purge or []
        self.depth = depth
        self.method = method
        self.mode = mode
        self.preferLastChangedRev = preferLastChangedRev
        super().__init__(**kwargs)

        errors = []
        errors += self._wrong_mode(mode)
        if method not in self.possible_methods:
            errors.append(f"method {method} is not one of {self.possible_methods}")
        if repourl is None:
            errors.append("you must provide repourl")
        if errors:
            raise ConfigErrors(errors)

    @runtime.native
    def run_vc(self, branch, revision, patch):
        """Fetches the sources."""

    @runtime.native
    def mode_full(self):
        """Fetches them anew, as far as the method says."""

    @runtime.native
    def mode_incremental(self):
        """Fetches what changed."""

    @runtime.native
    def clobber(self):
        """Removes all and checks out."""

    @runtime.native
    def fresh(self):
        """Removes unknown and ignored files, and updates."""

    @runtime.native
    def clean(self):
        """Removes unknown files, and updates."""

    @runtime.native
    def copy(self):
        """Keeps the sources in one directory and copies them for the build."""

    @runtime.native
    def _dovccmd(self, command, collectStdout=False, collectStderr=False, abandonOnFailure=True):
        """Runs svn on the worker."""

    def _getMethod(self):
        if self.method is not None and self.mode != "incremental":
            return self.method
        if self.mode == "incremental":
            return None
        return "fresh" if self.mode == "full" else None

    @runtime.native
    def _sourcedirIsUpdatable(self):
        """Whether the right repository is checked out."""

    @runtime.native
    def parseGotRevision(self):
        """Asks for the revision and sets the property."""

    @runtime.native
    def purge(self, ignore_ignores):
        """Removes files that are not of the repository."""

    @staticmethod
    def getUnversionedFiles(xmlStr, keep_on_purge):
        """The files that `svn status --xml` names as not of the repository."""
        from xml.etree import ElementTree
        from xml.parsers.expat import ExpatError

        try:
            root = ElementTree.fromstring(xmlStr)
        except (ElementTree.ParseError, ExpatError) as error:
            from buildbot.process.buildstep import BuildStepFailed

            raise BuildStepFailed() from error
        for entry in root.iter("entry"):
            status = entry.find("wc-status")
            if status is None or status.get("item") in ("external", "missing"):
                continue
            path = entry.get("path")
            if path not in keep_on_purge:
                yield path

    @runtime.native
    def removeFiles(self, files):
        """Removes files of the working directory."""

    @runtime.native
    def checkSvn(self):
        """Whether the worker has svn."""

    def computeSourceRevision(self, changes):
        """The highest revision of the changes."""
        if not changes or None in [change.revision for change in changes]:
            return None
        return max(int(change.revision) for change in changes)

    @staticmethod
    def svnUriCanonicalize(uri):
        """An address in the one form in which svn itself shows it."""
        import posixpath
        from urllib.parse import quote, unquote, urlsplit, urlunsplit

        if not uri or uri == "/":
            return uri
        parts = urlsplit(uri)
        scheme = parts.scheme.lower()
        user, at, place = parts.netloc.rpartition("@")
        host, colon, port = place.lower().partition(":")
        if colon and port and port == str(_PORTS.get(scheme)):
            colon = port = ""
        netloc = f"{user}{at}{host}{colon}{port}"
        path = parts.path
        if scheme in _PORTS:
            path = posixpath.normpath(path) if path else path
            if path.startswith("//"):
                path = path[1:]
            if path in ("/", "."):
                path = ""
        if path.endswith("/"):
            path = path[:-1]
        path = quote(unquote(path), safe="!$&'()*+,-./:;=@_~")
        return urlunsplit((scheme, netloc, path, parts.query, parts.fragment))

    @runtime.native
    def _checkout(self):
        """Checks out."""
