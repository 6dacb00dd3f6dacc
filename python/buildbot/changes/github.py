"""Finds pull requests of a repository on GitHub."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.changes import base
from buildbot.config.errors import error as config_error
from buildbot.util.pullrequest import PullRequestMixin
from buildbot.util.state import StateMixin

__getattr__ = elsewhere(__name__, "bytes2unicode config datetime2epoch defer httpclientservice")

HOSTED_BASE_URL = "https://api.github.com"
link_urls = {"https": "clone_url", "svn": "svn_url", "git": "git_url", "ssh": "ssh_url"}


@with_private(
    "_getPulls",
    "_getPullInformation",
    "_getFiles",
    "_getAuthors",
    "_getCommitters",
    "_processChanges",
    "_getCurrentRev",
    "_setCurrentRev",
    "_getStateObjectId",
)
class GitHubPullrequestPoller(
    base.ReconfigurablePollingChangeSource, StateMixin, PullRequestMixin
):
    """Adds a change whenever the head of an open pull request moves."""

    compare_attrs = (
        "owner",
        "repo",
        "token",
        "branches",
        "pollInterval",
        "category",
        "project",
        "pollAtLaunch",
        "name",
    )
    db_class_name = "GitHubPullrequestPoller"
    property_basename = "github"

    def __init__(self, owner: str, repo: str, **kwargs):
        if not kwargs.get("name"):
            kwargs["name"] = "GitHubPullrequestPoller:" + owner + "/" + repo
        super().__init__(owner, repo, **kwargs)

    @recorded
    def checkConfig(
        self,
        owner: str,
        repo: str,
        branches=None,
        category="pull",
        project: str | None = None,
        baseURL: str | None = None,
        pullrequest_filter=True,
        token: str | None = None,
        magic_link: bool = False,
        repository_type: str = "https",
        github_property_whitelist: list[str] | None = None,
        **kwargs,
    ):
        if not isinstance(repository_type, str) or repository_type not in link_urls:
            config_error("repository_type must be one of {https, svn, git, ssh}")
        super().checkConfig(name=self.name, **kwargs)

    def reconfigService(
        self,
        owner: str,
        repo: str,
        branches=None,
        pollInterval: int = 10 * 60,
        category=None,
        project: str | None = None,
        baseURL: str | None = None,
        pullrequest_filter=True,
        token: str | None = None,
        pollAtLaunch: bool = False,
        magic_link: bool = False,
        repository_type: str = "https",
        github_property_whitelist: list[str] | None = None,
        **kwargs,
    ):
        self.owner = owner
        self.repo = repo
        self.branches = branches
        self.token = token
        self.repository_type = link_urls[repository_type]
        self.magic_link = magic_link
        self.external_property_whitelist = github_property_whitelist or []
        self.category = category
        self.project = project
        if callable(pullrequest_filter):
            self.pullrequest_filter = pullrequest_filter
        else:
            self.pullrequest_filter = lambda _: pullrequest_filter
        return super().reconfigService(
            name=self.name, pollInterval=pollInterval, pollAtLaunch=pollAtLaunch, **kwargs
        )

    def describe(self):
        return (
            "GitHubPullrequestPoller watching the GitHub repository "
            f"{self.owner}/{self.repo}"
        )

    @by_master
    def poll(self): ...
