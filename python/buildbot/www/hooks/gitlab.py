"""GitLab's webhooks."""

from __future__ import annotations

import json
import re

from buildbot._host.elsewhere import elsewhere
from buildbot.util import bytes2unicode
from buildbot.util.twisted import any_to_async, async_to_deferred
from buildbot.www.hooks import _parts
from buildbot.www.hooks.base import BaseHookHandler

__getattr__ = elsewhere(__name__, "Properties inlineCallbacks log")


_HEADER_EVENT = b"X-Gitlab-Event"
_HEADER_GITLAB_TOKEN = b"X-Gitlab-Token"


class GitLabHandler(BaseHookHandler):
    """Pushes, merge requests, and notes on merge requests."""

    def _process_change(self, payload, user, repo, repo_url, event, codebase=None):
        """The changes of a push, one for each commit."""
        refname = payload["ref"]
        found = re.match(r"^refs/(heads|tags)/(.+)$", refname)
        if not found:
            _parts.log(f"Ignoring refname `{refname}': Not a branch")
            return []
        branch = found.group(2)
        if payload.get("deleted"):
            _parts.log(f"Branch `{branch}' deleted, ignoring")
            return []

        changes = []
        for commit in payload["commits"]:
            if not commit.get("distinct", True):
                _parts.log(f"Commit `{commit['id']}` is a non-distinct commit, ignoring...")
                continue
            _parts.log(f"New revision: {commit['id'][:8]}")
            change = {
                "author": _parts.person(commit["author"]),
                "files": [],
                "comments": commit["message"],
                "revision": commit["id"],
                "when_timestamp": _parts.moment(commit["timestamp"]),
                "branch": branch,
                "revlink": commit["url"],
                "repository": repo_url,
                "project": payload["repository"]["name"],
                "category": event,
                "properties": {"event": event},
            }
            if codebase is not None:
                change["codebase"] = codebase
            changes.append(change)
        return changes

    def _process_merge_request_change(self, payload, event, codebase=None):
        """The change that a merge request asks for, if it is new or has new code."""
        request = payload["object_attributes"]
        state, action = request.get("state"), request.get("action")
        if state in ("closed", "merged", "approved"):
            _parts.log(f"GitLab MR#{request['iid']}: Ignoring because state is {state}")
            return []
        fresh = action in ("open", "reopen") or (action == "update" and "oldrev" in request)
        if not fresh:
            _parts.log(
                f"GitLab MR#{request['iid']}: Ignoring because action {action} was not open or "
                "reopen or an update that added code"
            )
            return []
        return [self._change_of(request, event, codebase)]

    def _process_note_addition_to_merge_request(self, payload, event, codebase=None):
        """The change of the merge request that somebody wrote a note to."""
        note = payload["object_attributes"]
        if "merge_request" not in payload:
            _parts.log(f"Found note event (id {note['id']}) without corresponding MR - ignore")
            return []
        request = payload["merge_request"]
        _parts.log(f"Found notes on MR#{request['iid']}: {note['note']}")
        return [self._change_of(request, event, codebase, comments=note["note"])]

    @staticmethod
    def _change_of(request, event, codebase, **properties):
        commit = request["last_commit"]
        change = {
            "author": _parts.person(commit["author"]),
            "files": [],
            "comments": f"MR#{request['iid']}: {request['title']}\n\n{request['description']}",
            "revision": commit["id"],
            "when_timestamp": _parts.moment(commit["timestamp"]),
            "branch": request["target_branch"],
            "repository": request["target"]["git_http_url"],
            "project": request["target"]["name"],
            "category": event,
            "revlink": request["url"],
            "properties": {
                "source_branch": request["source_branch"],
                "source_project_id": request["source_project_id"],
                "source_repository": request["source"]["git_http_url"],
                "source_git_ssh_url": request["source"]["git_ssh_url"],
                "target_branch": request["target_branch"],
                "target_project_id": request["target_project_id"],
                "target_repository": request["target"]["git_http_url"],
                "target_git_ssh_url": request["target"]["git_ssh_url"],
                "event": event,
                **properties,
            },
        }
        if codebase is not None:
            change["codebase"] = codebase
        return change

    @async_to_deferred
    async def getChanges(self, request):
        await self._check_token(request)
        try:
            payload = json.loads(_parts.body_of(request))
        except Exception as problem:
            raise ValueError("Error loading JSON: " + str(problem)) from problem
        event = payload.get("object_kind", bytes2unicode(request.getHeader(_HEADER_EVENT)))
        codebase = request.args.get(b"codebase", [None])[0]
        codebase = bytes2unicode(codebase)
        if event in ("push", "tag_push", "Push Hook"):
            repository = payload["repository"]
            changes = self._process_change(
                payload,
                payload["user_name"],
                repository["name"],
                repository["url"],
                event,
                codebase=codebase,
            )
        elif event == "merge_request":
            changes = self._process_merge_request_change(payload, event, codebase=codebase)
        elif event == "note":
            changes = self._process_note_addition_to_merge_request(
                payload, event, codebase=codebase
            )
        else:
            changes = []
        if changes:
            _parts.log(f"Received {len(changes)} changes from {event} gitlab event")
        return changes, "git"

    async def _check_token(self, request):
        expected = isinstance(self.options, dict) and self.options.get("secret")
        if not expected:
            return
        from buildbot.process.properties import Properties

        properties = Properties()
        properties.master = self.master
        expected = await any_to_async(properties.render(expected))
        if bytes2unicode(request.getHeader(_HEADER_GITLAB_TOKEN)) != expected:
            raise ValueError("Invalid secret")


gitlab = GitLabHandler
