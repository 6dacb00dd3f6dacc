"""The old webhooks of Bitbucket."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.util import bytes2unicode
from buildbot.www.hooks import _parts
from buildbot.www.hooks.base import BaseHookHandler

__getattr__ = elsewhere(__name__, "defer log")

_HEADER_EVENT = b"X-Event-Key"


class BitBucketHandler(BaseHookHandler):
    """Pushes, as a form with the field `payload`."""

    def getChanges(self, request):
        from buildbot._host.deferreds import defer_module

        payload = _parts.form_payload(request)
        repository = payload["canon_url"] + payload["repository"]["absolute_url"]
        project = bytes2unicode(request.args.get(b"project", [b""])[0])
        event = bytes2unicode(request.getHeader(_HEADER_EVENT))
        changes = []
        for commit in payload["commits"]:
            changes.append(
                {
                    "author": commit["raw_author"],
                    "files": [file["file"] for file in commit["files"]],
                    "comments": commit["message"],
                    "revision": commit["raw_node"],
                    "when_timestamp": _parts.moment(commit["utctimestamp"]),
                    "branch": commit["branch"],
                    "revlink": f"{repository}commits/{commit['raw_node']}",
                    "repository": repository,
                    "project": project,
                    "properties": {"event": event},
                }
            )
            _parts.log(f"New revision: {commit['node']}")
        _parts.log(f"Received {len(changes)} changes from bitbucket")
        return defer_module().succeed((changes, payload["repository"]["scm"]))


bitbucket = BitBucketHandler
