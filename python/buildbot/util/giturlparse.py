"""Takes addresses of git repositories apart."""

from __future__ import annotations

import re
from collections import namedtuple

# Greedy for the owner, which may hold slashes; the last part is the repository.
_giturlmatcher = re.compile(
    r"(?P<proto>(https?://|ssh://|git://|))"
    r"((?P<user>[^:@]*)(:(?P<password>.*))?@)?"
    r"(?P<domain>[^\/:]+)(:((?P<port>[0-9]+)/)?|/)"
    r"((?P<owner>.+)/)?(?P<repo>[^/]+?)(\.git)?$"
)

GitUrl = namedtuple(
    "GitUrl",
    ("proto", "user", "password", "domain", "port", "owner", "repo"),
    module=__name__,
)


def giturlparse(url):
    """The parts of `url`, or None when it is none."""
    match = _giturlmatcher.match(url)
    if match is None:
        return None
    port = match["port"]
    proto = match["proto"].partition(":")[0] or "ssh"
    return GitUrl(
        proto,
        match["user"],
        match["password"],
        match["domain"],
        int(port) if port else None,
        match["owner"],
        match["repo"],
    )
