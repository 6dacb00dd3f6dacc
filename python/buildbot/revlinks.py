"""Turns a revision and a repository into a link to a page about it."""

from __future__ import annotations

import re


class RevlinkMatch:
    """Links for the repositories that match one of some patterns."""

    def __init__(self, repo_urls, revlink):
        if isinstance(repo_urls, str):
            repo_urls = [repo_urls]
        self.repo_urls = [re.compile(url) for url in repo_urls]
        self.revlink = revlink

    def __call__(self, rev, repo):
        for url in self.repo_urls:
            found = url.match(repo)
            if found:
                return found.expand(self.revlink) % rev
        return None


class GitwebMatch(RevlinkMatch):
    """Links to a gitweb site; the pattern has a group ``repo``."""

    def __init__(self, repo_urls, revlink):
        super().__init__(repo_urls, revlink + r"?p=\g<repo>;a=commit;h=%s")


class RevlinkMultiplexer:
    """The first link that one of some functions gives."""

    def __init__(self, *revlinks):
        self.revlinks = revlinks

    def __call__(self, rev, repo):
        for revlink in self.revlinks:
            link = revlink(rev, repo)
            if link:
                return link
        return None


GithubRevlink = RevlinkMatch(
    repo_urls=[
        r"https://github.com/([^/]*)/([^/]*?)(?:\.git)?$",
        r"git://github.com/([^/]*)/([^/]*?)(?:\.git)?$",
        r"git@github.com:([^/]*)/([^/]*?)(?:\.git)?$",
        r"ssh://git@github.com/([^/]*)/([^/]*?)(?:\.git)?$",
    ],
    revlink=r"https://github.com/\1/\2/commit/%s",
)

BitbucketRevlink = RevlinkMatch(
    repo_urls=[
        r"https://[^@]*@bitbucket.org/([^/]*)/([^/]*?)(?:\.git)?$",
        r"git@bitbucket.org:([^/]*)/([^/]*?)(?:\.git)?$",
    ],
    revlink=r"https://bitbucket.org/\1/\2/commits/%s",
)

SourceforgeGitRevlink = GitwebMatch(
    repo_urls=[
        r"^git://([^.]*).git.sourceforge.net/gitroot/(?P<repo>.*)$",
        r"[^@]*@([^.]*).git.sourceforge.net:gitroot/(?P<repo>.*)$",
        r"ssh://(?:[^@]*@)?([^.]*).git.sourceforge.net/gitroot/(?P<repo>.*)$",
    ],
    revlink=r"http://\1.git.sourceforge.net/git/gitweb.cgi",
)

SourceforgeGitRevlink_AlluraPlatform = RevlinkMatch(
    repo_urls=[
        r"git://git.code.sf.net/p/(?P<repo>.*)$",
        r"http://git.code.sf.net/p/(?P<repo>.*)$",
        r"ssh://(?:[^@]*@)?git.code.sf.net/p/(?P<repo>.*)$",
    ],
    revlink=r"https://sourceforge.net/p/\1/ci/%s/",
)

default_revlink_matcher = RevlinkMultiplexer(
    GithubRevlink,
    BitbucketRevlink,
    SourceforgeGitRevlink,
    SourceforgeGitRevlink_AlluraPlatform,
)
