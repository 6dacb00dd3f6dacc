"""What the webhooks of Bitbucket Cloud and Bitbucket Server have in common."""

from __future__ import annotations

import json

from buildbot._host.record import Described, recorded
from buildbot.util import bytes2unicode
from buildbot.util.pullrequest import PullRequestMixin
from buildbot.www.hooks import _parts

GIT_BRANCH_REF = "refs/heads/{}"
GIT_MERGE_REF = "refs/pull-requests/{}/merge"
GIT_TAG_REF = "refs/tags/{}"
HEADER_EVENT = b"X-Event-Key"


class BitbucketEventHandler(Described, PullRequestMixin):
    """One method `handle_<event>` for each kind of event; subclasses add and change them."""

    property_basename = "bitbucket"
    # What differs between the two services
    _service = ""
    _no_event = ""
    _author_keys = ("", "")

    @recorded
    def __init__(self, master, options=None):
        self.master = master
        self.options = {} if not isinstance(options, dict) else options
        self._codebase = self.options.get("codebase", None)
        self.external_property_whitelist = self.options.get("bitbucket_property_whitelist", [])

    def process(self, request):
        payload = self._get_payload(request)
        event = bytes2unicode(request.getHeader(HEADER_EVENT))
        if event is None:
            raise ValueError(f"Header {HEADER_EVENT.decode()} {self._no_event} present")
        _parts.log(f"Processing event {HEADER_EVENT.decode()}: {event}")
        event = event.replace(":", "_")
        handler = getattr(self, f"handle_{event}", None)
        if handler is None:
            raise ValueError(f"Unknown event: {event}")
        return handler(payload)

    def _get_payload(self, request):
        content = _parts.body_of(request)
        content_type = bytes2unicode(request.getHeader(b"Content-Type"))
        if not content_type.startswith("application/json"):
            raise ValueError(f"Unknown content type: {self._shown(content_type)}")
        payload = json.loads(content)
        _parts.log(f"Payload: {payload}")
        return payload

    def _author(self, payload):
        display, nick = self._author_keys
        return f"{payload['actor'][display]} <{payload['actor'][nick]}>"

    def _pushed(self, payload):
        """The changes of a push, one for each branch or tag."""
        repository, link, project, scm = self._repository(payload["repository"], push=True)
        changes = []
        for pushed in payload["push"]["changes"]:
            age = "new" if pushed["new"] else "old"
            ref = pushed[age]
            commit = ref["target"]["hash"]
            branch = None
            if ref["type"] == "branch":
                branch = GIT_BRANCH_REF.format(ref["name"])
            elif ref["type"] == "tag":
                branch = GIT_TAG_REF.format(ref["name"])
            change = {
                "revision": commit,
                "revlink": f"{link}commits/{commit}",
                "repository": repository,
                "author": self._author(payload),
                "comments": f"{self._service} commit {commit}",
                "branch": branch,
                "project": project,
                "category": "push" if age == "new" else "ref-deleted",
            }
            _parts.add_codebase(change, self._codebase, payload)
            changes.append(change)
        return changes, scm

    def handle_pullrequest_created(self, payload):
        return self._of_merge(payload, "pull-created")

    def handle_pullrequest_updated(self, payload):
        return self._of_merge(payload, "pull-updated")

    def _of_merge(self, payload, category):
        ref = GIT_MERGE_REF.format(int(payload["pullrequest"]["id"]))
        return self.handle_pullrequest(payload, ref, category)

    def handle_pullrequest_fulfilled(self, payload):
        name = payload["pullrequest"]["toRef"]["branch"]["name"]
        return self.handle_pullrequest(payload, GIT_BRANCH_REF.format(name), "pull-fulfilled")

    def handle_pullrequest_rejected(self, payload):
        name = payload["pullrequest"]["fromRef"]["branch"]["name"]
        return self.handle_pullrequest(payload, GIT_BRANCH_REF.format(name), "pull-rejected")

    def handle_pullrequest(self, payload, refname, category):
        """The change that a pull request asks for."""
        pull = payload["pullrequest"]
        repository, _, project, scm = self._repository(payload["repository"], push=False)
        change = {
            "revision": pull["fromRef"]["commit"]["hash"],
            "revlink": pull["link"],
            "repository": repository,
            "author": self._author(payload),
            "comments": f"{self._service} Pull Request #{int(pull['id'])}",
            "branch": refname,
            "project": project,
            "category": category,
            "properties": {"pullrequesturl": pull["link"], **self.extractProperties(payload)},
        }
        _parts.add_codebase(change, self._codebase, payload)
        return [change], scm

    def getChanges(self, request):
        return self.process(request)
