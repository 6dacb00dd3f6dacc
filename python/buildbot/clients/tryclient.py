"""The names of `buildbot try`. The command itself is a program of its own."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot.util import unicode2bytes


class SourceStamp:
    """What to build: a revision, and a patch to it."""

    def __init__(self, branch, revision, patch, repository=""):
        self.branch = branch
        self.revision = revision
        self.patch = patch
        self.repository = repository


def output(*msg):
    print(" ".join(map(str, msg)))


class SourceStampExtractor:
    """Finds out revision and patch of a working copy."""

    def __init__(self, treetop, branch, repository):
        self.treetop = treetop
        self.branch = branch
        self.repository = repository

    @by_master
    def get(self): ...


class CVSExtractor(SourceStampExtractor):
    patchlevel = 0
    vcexe = "cvs"


class SVNExtractor(SourceStampExtractor):
    patchlevel = 0
    vcexe = "svn"


class BzrExtractor(SourceStampExtractor):
    patchlevel = 0
    vcexe = "bzr"


class MercurialExtractor(SourceStampExtractor):
    patchlevel = 1
    vcexe = "hg"


class PerforceExtractor(SourceStampExtractor):
    patchlevel = 0
    vcexe = "p4"


class DarcsExtractor(SourceStampExtractor):
    patchlevel = 1
    vcexe = "darcs"


class GitExtractor(SourceStampExtractor):
    patchlevel = 1
    vcexe = "git"
    config = None


class MonotoneExtractor(SourceStampExtractor):
    patchlevel = 0
    vcexe = "mtn"


_EXTRACTORS = {
    "cvs": CVSExtractor,
    "svn": SVNExtractor,
    "bzr": BzrExtractor,
    "hg": MercurialExtractor,
    "p4": PerforceExtractor,
    "darcs": DarcsExtractor,
    "git": GitExtractor,
    "mtn": MonotoneExtractor,
    "none": lambda treetop, branch, repository: SourceStamp(branch, None, (1, ""), repository),
}


def getSourceStamp(vctype, treetop, branch=None, repository=None):
    """A Deferred with the state of the working copy at `treetop`."""
    if vctype not in _EXTRACTORS:
        output(f"unknown vctype '{vctype}'")
        raise SystemExit(1)
    return _EXTRACTORS[vctype](treetop, branch, repository).get()


def ns(s):
    """A netstring."""
    return f"{len(s)}:{s},"


def createJobfile(
    jobid,
    branch,
    baserev,
    patch_level,
    patch_body,
    repository,
    project,
    who,
    comment,
    builderNames,
    properties,
):
    """A try job as `Try_Jobdir` reads it."""
    import base64
    import json

    job = {
        "jobid": jobid,
        "branch": branch,
        "baserev": str(baserev),
        "patch_level": patch_level,
        "repository": repository,
        "project": project,
        "who": who,
        "comment": comment,
        "builderNames": builderNames,
        "properties": properties,
    }
    if isinstance(patch_body, bytes):
        version = "6"
        job["patch_body_base64"] = base64.b64encode(patch_body).decode()
    else:
        version = "5"
        job["patch_body"] = patch_body
    return unicode2bytes(ns(version) + ns(json.dumps(job)))


def getTopdir(topfile, start=None):
    """The nearest directory above that has `topfile`."""
    import os

    here = os.path.abspath(start or os.getcwd())
    while not os.path.exists(os.path.join(here, topfile)):
        above = os.path.dirname(here)
        if above == here:
            output(f"Unable to find topfile '{topfile}' anywhere from {start or here} upwards")
            raise SystemExit(1)
        here = above
    return here


class RemoteTryPP:
    def __init__(self, job):
        self.job = job


class FakeBuildSetStatus:
    @by_master
    def callRemote(self, name): ...


class Try:
    """One run of the command."""

    buildsetStatus = None
    quiet = False
    printloop = False

    def __init__(self, config):
        self.config = config

    @by_master
    def run(self): ...
