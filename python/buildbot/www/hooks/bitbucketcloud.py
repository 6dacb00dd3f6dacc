"""The webhooks of Bitbucket Cloud."""

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
    "BitbucketCloudEventHandler",
    "bitbucketcloud",
]


class BitbucketCloudEventHandler(BitbucketEventHandler):
    """Pushes and pull requests."""

    _service = "Bitbucket Cloud"
    _no_event = "was not"
    _author_keys = ("display_name", "nickname")

    @staticmethod
    def _shown(content_type):
        return content_type

    @staticmethod
    def _repository(repository, push):
        """Its address, the start of links into it, project, version control system."""
        links = repository["links"]
        project = repository.get("project", {}).get("name", "none")
        page = links["html"]["href"] + "/" if push else None
        return links["self"]["href"], page, project, repository["scm"]

    def handle_repo_push(self, payload):
        return self._pushed(payload)


bitbucketcloud = BitbucketCloudEventHandler
