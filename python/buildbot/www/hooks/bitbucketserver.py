"""The webhooks of Bitbucket Server."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.www.hooks._bitbucket import (
    GIT_BRANCH_REF,
    GIT_MERGE_REF,
    GIT_TAG_REF,
    BitbucketEventHandler,
)

__getattr__ = elsewhere(__name__, "PullRequestMixin bytes2unicode log")


__all__ = [
    "GIT_BRANCH_REF",
    "GIT_MERGE_REF",
    "GIT_TAG_REF",
    "BitbucketServerEventHandler",
    "bitbucketserver",
]


class BitbucketServerEventHandler(BitbucketEventHandler):
    """Pushes and pull requests."""

    _service = "Bitbucket Server"
    _no_event = "is not"
    _author_keys = ("displayName", "username")

    @staticmethod
    def _shown(content_type):
        return repr(content_type)

    @staticmethod
    def _repository(repository, push):
        """Its address, the start of links into it, project, version control system."""
        address = repository["links"]["self"][0]["href"].rstrip("browse")
        return address, address, repository["project"]["name"], repository["scmId"]

    def handle_repo_refs_changed(self, payload):
        return self._handle_repo_refs_changed_common(payload)

    def handle_repo_push(self, payload):
        return self._handle_repo_refs_changed_common(payload)

    def _handle_repo_refs_changed_common(self, payload):
        return self._pushed(payload)


bitbucketserver = BitbucketServerEventHandler
