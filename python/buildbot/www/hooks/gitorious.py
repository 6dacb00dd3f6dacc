"""Gitorious's webhooks."""

from __future__ import annotations

import re

from buildbot._host.elsewhere import elsewhere
from buildbot.www.hooks import _parts
from buildbot.www.hooks.base import BaseHookHandler

__getattr__ = elsewhere(__name__, "bytes2unicode defer log")


class GitoriousHandler(BaseHookHandler):
    """Pushes, as a form with the field `payload`."""

    def getChanges(self, request):
        from buildbot._host.deferreds import defer_module

        payload = _parts.form_payload(request)
        repository = payload["repository"]
        changes = self.process_change(
            payload,
            repository["owner"]["name"],
            repository["name"],
            repository["url"],
            payload["project"]["name"],
        )
        _parts.log(f"Received {len(changes)} changes from gitorious")
        return defer_module().succeed((changes, "git"))

    def process_change(self, payload, user, repo, repo_url, project):
        """The changes of a push, one for each commit."""
        branch = payload["ref"]
        if re.match(r"^0*$", payload["after"]):
            _parts.log(f"Branch `{branch}' deleted, ignoring")
            return []
        changes = []
        for commit in payload["commits"]:
            _parts.log(f"New revision: {commit['id'][:8]}")
            changes.append(
                {
                    "author": _parts.person(commit["author"]),
                    "files": [],
                    "comments": commit["message"],
                    "revision": commit["id"],
                    "when_timestamp": _parts.moment(commit["timestamp"]),
                    "branch": branch,
                    "revlink": commit["url"],
                    "repository": repo_url,
                    "project": project,
                }
            )
        return changes


gitorious = GitoriousHandler
