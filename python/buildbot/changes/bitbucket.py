"""Finds pull requests of a repository on Bitbucket."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base
from buildbot.util.pullrequest import PullRequestMixin

__getattr__ = elsewhere(
    __name__,
    "bytes2unicode datetime2epoch defer deferredLocked epoch2datetime httpclientservice "
    "log",
)


@with_private(
    "_getChanges",
    "_processChanges",
    "_getCurrentRev",
    "_setCurrentRev",
    "_getStateObjectId",
)
class BitbucketPullrequestPoller(base.ReconfigurablePollingChangeSource, PullRequestMixin):
    """Adds a change whenever the source of an open pull request moves."""

    compare_attrs = (
        "owner",
        "slug",
        "branch",
        "pollInterval",
        "useTimestamps",
        "category",
        "project",
        "pollAtLaunch",
    )
    db_class_name = "BitbucketPullrequestPoller"
    property_basename = "bitbucket"

    def __init__(self, owner: str, slug: str, **kwargs):
        kwargs["name"] = self.build_name(owner, slug)
        super().__init__(owner, slug, **kwargs)

    @recorded
    def checkConfig(
        self,
        owner: str,
        slug: str,
        branch: str | list[str] | None = None,
        pollInterval: int = 10 * 60,
        useTimestamps: bool = True,
        category=None,
        project: str = "",
        pullrequest_filter=True,
        pollAtLaunch: bool = False,
        auth: tuple[str, str] | None = None,
        bitbucket_property_whitelist: list[str] | None = None,
    ):
        super().checkConfig(
            name=self.build_name(owner, slug),
            pollInterval=pollInterval,
            pollAtLaunch=pollAtLaunch,
        )

    def reconfigService(
        self,
        owner: str,
        slug: str,
        branch: str | list[str] | None = None,
        pollInterval: int = 10 * 60,
        useTimestamps: bool = True,
        category=None,
        project: str = "",
        pullrequest_filter=True,
        pollAtLaunch: bool = False,
        auth: tuple[str, str] | None = None,
        bitbucket_property_whitelist: list[str] | None = None,
    ):
        self.owner = owner
        self.slug = slug
        self.branch = branch
        if callable(pullrequest_filter):
            self.pullrequest_filter = pullrequest_filter
        else:
            self.pullrequest_filter = lambda _: pullrequest_filter
        self.useTimestamps = useTimestamps
        self.category = category
        self.project = project
        self.external_property_whitelist = bitbucket_property_whitelist or []
        return super().reconfigService(
            self.build_name(owner, slug), pollInterval=pollInterval, pollAtLaunch=pollAtLaunch
        )

    def build_name(self, owner: str, slug: str):
        return "/".join([owner, slug])

    def describe(self):
        return (
            "BitbucketPullrequestPoller watching the Bitbucket repository "
            f"{self.owner}/{self.slug}, branch: {self.branch}"
        )

    @by_master
    def poll(self): ...
