"""Steps for git."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process import buildstep
from buildbot.steps.source.base import Source
from buildbot.steps.worker import CompositeStepMixin
from buildbot.util.git import RC_SUCCESS, GitStepMixin
from buildbot.util.git_credential import GitCredentialOptions, add_user_password_to_credentials

__all__ = [
    "CompositeStepMixin",
    "GIT_HASH_LENGTH",
    "Git",
    "GitCommit",
    "GitCredentialOptions",
    "GitPush",
    "GitStepMixin",
    "GitTag",
    "RC_SUCCESS",
    "Source",
    "add_user_password_to_credentials",
    "buildstep",
    "git_describe_flags",
    "isTrueOrIsExactlyZero",
]

__getattr__ = elsewhere(__name__, "WorkerSetupError bbconfig defer log reactor remotecommand")

GIT_HASH_LENGTH = 40


def isTrueOrIsExactlyZero(v):
    """Zero is a number of candidates, False is none."""
    return bool(v) or (type(v) is int and v == 0)


def _flag(name):
    return (name, lambda v: [f"--{name}"] if v else None)


def _word(name):
    return (name, lambda v: [f"--{name}", v] if v else None)


def _number(name):
    return (name, lambda v: [f"--{name}={v}"] if isTrueOrIsExactlyZero(v) else None)


# Key of `getDescription` → words of the command for its value, in the order of the command.
git_describe_flags = [
    _flag("all"),
    _flag("always"),
    _flag("contains"),
    _flag("debug"),
    _flag("long"),
    _flag("exact-match"),
    _flag("tags"),
    _flag("first-parent"),
    _word("match"),
    _word("exclude"),
    _number("abbrev"),
    _number("candidates"),
    # True and the empty text mean the option alone, another text is its mark.
    ("dirty", lambda v: ["--dirty"] if v is True or v == "" else None),
    ("dirty", lambda v: [f"--dirty={v}"] if v and v is not True else None),
]


def _credentials(auth_credentials, url, git_credentials):
    if auth_credentials is None:
        return git_credentials
    return add_user_password_to_credentials(auth_credentials, url, git_credentials)


class Git(Source, GitStepMixin):
    """Fetches a git repository."""

    name = "git"
    renderables = ["repourl", "reference", "branch", "codebase", "mode", "method", "origin"]

    @recorded
    def __init__(
        self,
        repourl=None,
        port=22,
        branch="HEAD",
        mode="incremental",
        method=None,
        reference=None,
        submodules=False,
        remoteSubmodules=False,
        tags=False,
        shallow=False,
        filters=None,
        progress=True,
        retryFetch=False,
        clobberOnFailure=False,
        getDescription=False,
        config=None,
        origin=None,
        sshPrivateKey=None,
        sshHostKey=None,
        sshKnownHosts=None,
        auth_credentials=None,
        git_credentials=None,
        **kwargs,
    ):
        if not getDescription and not isinstance(getDescription, dict):
            getDescription = False
        self.branch = branch
        self.method = method
        self.repourl = repourl
        self.port = port
        self.reference = reference
        self.retryFetch = retryFetch
        self.submodules = submodules
        self.remoteSubmodules = remoteSubmodules
        self.tags = tags
        self.shallow = shallow
        self.filters = filters
        self.clobberOnFailure = clobberOnFailure
        self.mode = mode
        self.prog = progress
        self.getDescription = getDescription
        self.config = config
        self.srcdir = "source"
        self.origin = origin
        super().__init__(**kwargs)
        self.setupGitStep()
        self.setup_git_auth(
            sshPrivateKey,
            sshHostKey,
            sshKnownHosts,
            _credentials(auth_credentials, repourl, git_credentials),
        )
        self._check_mode()
        if not isinstance(getDescription, (bool, dict)):
            config_error("Git: getDescription must be a boolean or a dict.")

    def _check_mode(self):
        """Refuses a wrong mode or method. What is no text is looked at when the step runs."""
        mode, method = self.mode, self.method
        if not isinstance(mode, str):
            return
        if mode not in ("incremental", "full"):
            config_error("Git: mode must be full or incremental")
        if not isinstance(method, str):
            return
        if mode == "full" and method not in ("clean", "fresh", "clobber", "copy"):
            config_error("Git: invalid method for mode 'full'.")
        if self.shallow and (mode, method) != ("full", "clobber"):
            config_error("Git: in mode 'full' shallow only possible with method 'clobber'.")

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
    def clean(self):
        """Removes what git does not know, but not what it ignores."""

    @runtime.native
    def clobber(self):
        """Removes all and clones."""

    @runtime.native
    def fresh(self):
        """Removes what git does not know."""

    @runtime.native
    def copy(self):
        """Keeps the sources in one directory and copies them for the build."""

    @runtime.native
    def parseGotRevision(self, _=None):
        """Asks for the revision and sets the property."""

    @runtime.native
    def parseCommitDescription(self, _=None):
        """Asks for the description and sets the property."""

    def _get_auth_data_workdir(self):
        if self.method == "copy" and self.mode == "full":
            return self.srcdir
        return self.workdir

    @runtime.native
    def _fetch(self, _, shallowClone, abandonOnFailure=True):
        """Fetches and checks out."""

    @runtime.native
    def _fetchOrFallback(self, _=None):
        """Fetches, tries again or clones if it is allowed to."""

    @runtime.native
    def _clone(self, shallowClone):
        """Clones."""

    @runtime.native
    def _fullClone(self, shallowClone=False):
        """Clones and checks out."""

    @runtime.native
    def _fullCloneOrFallback(self, shallowClone):
        """Clones, removes all and tries again if it is allowed to."""

    @runtime.native
    def _doClobber(self):
        """Removes the directory."""

    def computeSourceRevision(self, changes):
        return changes[-1].revision if changes else None

    @runtime.native
    def _syncSubmodule(self, _=None):
        """Takes over changed addresses of submodules."""

    @runtime.native
    def _updateSubmodule(self, _=None):
        """Fetches submodules."""

    @runtime.native
    def _cleanSubmodule(self, _=None):
        """Cleans submodules."""

    def _getMethod(self):
        if self.method is not None and self.mode != "incremental":
            return self.method
        if self.mode == "incremental":
            return None
        return "fresh" if self.mode == "full" else None

    @runtime.native
    def applyPatch(self, patch):
        """Applies a patch to the index."""

    @runtime.native
    def _sourcedirIsUpdatable(self):
        """Whether to clone, to update or to clobber."""


class GitPush(buildstep.BuildStep, GitStepMixin, CompositeStepMixin):
    """Pushes a branch."""

    description = None
    descriptionDone = None
    descriptionSuffix = None
    name = "gitpush"
    renderables = ["repourl", "branch"]

    @recorded
    def __init__(
        self,
        workdir=None,
        repourl=None,
        port=22,
        branch=None,
        force=False,
        env=None,
        timeout=20 * 60,
        logEnviron=True,
        sshPrivateKey=None,
        sshHostKey=None,
        sshKnownHosts=None,
        auth_credentials=None,
        git_credentials=None,
        config=None,
        **kwargs,
    ):
        self.workdir = workdir
        self.repourl = repourl
        self.port = port
        self.branch = branch
        self.force = force
        self.env = env
        self.timeout = timeout
        self.logEnviron = logEnviron
        self.config = config
        super().__init__(**kwargs)
        self.setupGitStep()
        self.setup_git_auth(
            sshPrivateKey,
            sshHostKey,
            sshKnownHosts,
            _credentials(auth_credentials, repourl, git_credentials),
        )
        if not self.branch:
            config_error("GitPush: must provide branch")

    def _get_auth_data_workdir(self):
        return self.workdir

    @runtime.native
    def run(self):
        """Pushes."""

    @runtime.native
    def _doPush(self):
        """Pushes."""


class GitTag(buildstep.BuildStep, GitStepMixin, CompositeStepMixin):
    """Makes a tag."""

    description = None
    descriptionDone = None
    descriptionSuffix = None
    name = "gittag"
    renderables = ["repourl", "tagName", "messages"]

    @recorded
    def __init__(
        self,
        workdir=None,
        tagName=None,
        annotated=False,
        messages=None,
        force=False,
        env=None,
        timeout=20 * 60,
        logEnviron=True,
        config=None,
        **kwargs,
    ):
        self.workdir = workdir
        self.tagName = tagName
        self.annotated = annotated
        self.messages = messages
        self.force = force
        self.env = env
        self.timeout = timeout
        self.logEnviron = logEnviron
        self.config = config
        # No repository is spoken to.
        self.repourl = " "
        super().__init__(**kwargs)
        self.setupGitStep()
        if not self.tagName:
            config_error("GitTag: must provide tagName")
        if self.annotated and not self.messages:
            config_error("GitTag: must provide messages in case of annotated tag")
        if not self.annotated and self.messages:
            config_error("GitTag: messages are required only in case of annotated tag")
        if self.messages and not isinstance(self.messages, list):
            config_error("GitTag: messages should be a list")

    @runtime.native
    def run(self):
        """Makes the tag."""

    @runtime.native
    def _doTag(self):
        """Makes the tag."""


class GitCommit(buildstep.BuildStep, GitStepMixin, CompositeStepMixin):
    """Makes a commit."""

    description = None
    descriptionDone = None
    descriptionSuffix = None
    name = "gitcommit"
    renderables = ["paths", "messages"]

    @recorded
    def __init__(
        self,
        workdir=None,
        paths=None,
        messages=None,
        env=None,
        timeout=20 * 60,
        logEnviron=True,
        emptyCommits="disallow",
        config=None,
        no_verify=False,
        **kwargs,
    ):
        self.workdir = workdir
        self.messages = messages
        self.paths = paths
        self.env = env
        self.timeout = timeout
        self.logEnviron = logEnviron
        self.config = config
        self.emptyCommits = emptyCommits
        self.no_verify = no_verify
        # No repository is spoken to.
        self.repourl = " "
        super().__init__(**kwargs)
        self.setupGitStep()
        for name, value in (("messages", messages), ("paths", paths)):
            if not value:
                config_error(f"GitCommit: must provide {name}")
            if not isinstance(value, list):
                config_error(f"GitCommit: {name} must be a list")
        if emptyCommits not in ("disallow", "create-empty-commit", "ignore"):
            config_error(
                'GitCommit: emptyCommits must be one of "disallow", "create-empty-commit" '
                'and "ignore"'
            )

    @runtime.native
    def run(self):
        """Makes the commit."""

    @runtime.native
    def _checkDetachedHead(self):
        """Whether a branch is checked out."""

    @runtime.native
    def _checkHasSomethingToCommit(self):
        """Whether anything changed."""

    @runtime.native
    def _doCommit(self):
        """Makes the commit."""

    @runtime.native
    def _doAdd(self):
        """Adds the paths."""
