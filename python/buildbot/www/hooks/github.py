"""GitHub's webhooks."""

from __future__ import annotations

import json
import re

from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.util import bytes2unicode, unicode2bytes
from buildbot.util.pullrequest import PullRequestMixin
from buildbot.util.twisted import any_to_async, async_to_deferred
from buildbot.www.hooks import _parts
from buildbot.www.hooks.base import BaseHookHandler

__getattr__ = elsewhere(__name__, "Properties defer httpclientservice log")


_HEADER_EVENT = b"X-GitHub-Event"
_HEADER_SIGNATURE = b"X-Hub-Signature"
DEFAULT_SKIPS_PATTERN = [r"\[ *skip *ci *\]", r"\[ *ci *skip *\]"]
DEFAULT_GITHUB_API_URL = "https://api.github.com"


class GitHubEventHandler(Described, PullRequestMixin):
    """One method `handle_<event>` for each kind of event; subclasses add and change them."""

    property_basename = "github"

    @recorded
    def __init__(
        self,
        secret,
        strict,
        codebase=None,
        github_property_whitelist=None,
        master=None,
        skips=None,
        github_api_endpoint=None,
        pullrequest_ref=None,
        token=None,
        debug=False,
        verify=True,
    ):
        if strict and not secret:
            raise ValueError("Strict mode is requested while no secret is provided")
        self._secret = secret
        self._strict = strict
        self._token = token
        self._codebase = codebase
        self.external_property_whitelist = (
            [] if github_property_whitelist is None else github_property_whitelist
        )
        self.pullrequest_ref = pullrequest_ref
        self.skips = DEFAULT_SKIPS_PATTERN if skips is None else skips
        self.github_api_endpoint = (
            DEFAULT_GITHUB_API_URL if github_api_endpoint is None else github_api_endpoint
        )
        self.master = master
        self.debug = debug
        self.verify = verify

    @async_to_deferred
    async def process(self, request):
        """The changes that a request makes, by the handler of its event."""
        payload = await any_to_async(self._get_payload(request))
        event = bytes2unicode(request.getHeader(_HEADER_EVENT))
        _parts.log(f"X-GitHub-Event: {event}")
        handler = getattr(self, f"handle_{event}", None)
        if handler is None:
            raise ValueError(f"Unknown event: {event}")
        return await any_to_async(handler(payload, event))

    @async_to_deferred
    async def _get_payload(self, request):
        """The JSON of a request whose signature has been checked."""
        content = request.content.read()
        signature = bytes2unicode(request.getHeader(_HEADER_SIGNATURE))
        if signature is None and self._strict:
            raise ValueError("Request has no required signature")
        if self._secret and signature:
            await self._check_signature(signature, unicode2bytes(content))
        content_type = request.getHeader(b"Content-Type")
        if content_type == b"application/json":
            payload = json.loads(bytes2unicode(content))
        elif content_type == b"application/x-www-form-urlencoded":
            payload = _parts.form_payload(request)
        else:
            raise ValueError(f"Unknown content type: {content_type}")
        _parts.log(f"Payload: {payload}")
        return payload

    async def _check_signature(self, signature, content):
        import hashlib
        import hmac

        from buildbot.process.properties import Properties

        try:
            kind, digest = signature.split("=")
        except ValueError as problem:
            raise ValueError(f"Wrong signature format: {signature}") from problem
        if kind != "sha1":
            raise ValueError(f"Unknown hash type: {kind}")
        properties = Properties()
        properties.master = self.master
        secret = await any_to_async(properties.render(self._secret))
        expected = hmac.new(unicode2bytes(secret), content, digestmod=hashlib.sha1).hexdigest()
        if not hmac.compare_digest(expected, digest):
            raise ValueError("Hash mismatch")

    def handle_ping(self, _, __):
        return [], "git"

    def handle_workflow_run(self, _, __):
        return [], "git"

    def handle_push(self, payload, event):
        repository = payload["repository"]
        changes = self._process_change(
            payload,
            None,
            repository["name"],
            repository["html_url"],
            repository["full_name"],
            event,
            self.extractProperties(payload),
        )
        _parts.log(f"Received {len(changes)} changes from github")
        return changes, "git"

    @async_to_deferred
    async def handle_pull_request(self, payload, event):
        number = payload["number"]
        pull = payload["pull_request"]
        branch = f"refs/pull/{number}/{self.pullrequest_ref}"
        repository = payload["repository"]["full_name"]
        head = pull["head"]["sha"]
        link = pull["_links"]["html"]["href"]
        _parts.log(f"Processing GitHub PR #{number}")

        if self._has_skip(await any_to_async(self._get_commit_msg(repository, head))):
            _parts.log(f"GitHub PR #{number}, Ignoring: head commit message contains skip pattern")
            return [], "git"
        action = payload.get("action")
        if action not in ("opened", "reopened", "synchronize"):
            _parts.log(f"GitHub PR #{number} {action}, ignoring")
            return [], "git"

        files = await any_to_async(self._get_pr_files(repository, number))
        commits = pull["commits"]
        plural = "" if commits == 1 else "s"
        properties = {
            "pullrequesturl": link,
            "event": event,
            "basename": pull["base"]["ref"],
            **self.extractProperties(pull),
        }
        change = {
            "revision": head,
            "when_timestamp": _parts.moment(pull["created_at"]),
            "branch": branch,
            "files": files,
            "revlink": link,
            "repository": payload["repository"]["html_url"],
            "project": pull["base"]["repo"]["full_name"],
            "category": "pull",
            "author": payload["sender"]["login"],
            "comments": (
                f"GitHub Pull Request #{number} ({commits} commit{plural})\n"
                f"{pull['title']}\n{pull['body']}"
            ),
            "properties": properties,
        }
        _parts.add_codebase(change, self._codebase, payload)
        _parts.log(f"Received 1 changes from GitHub PR #{number}")
        return [change], "git"

    async def _asked(self, path):
        """What GitHub's API answers."""
        from buildbot.process.properties import Properties
        from buildbot.util import httpclientservice

        headers = {"User-Agent": "Buildbot"}
        if self._token:
            properties = Properties()
            properties.master = self.master
            token = await any_to_async(properties.render(self._token))
            headers["Authorization"] = f"token {token}"
        session = httpclientservice.HTTPSession(
            self.master.httpservice,
            self.github_api_endpoint,
            headers=headers,
            debug=self.debug,
            verify=self.verify,
        )
        return await any_to_async(session.get(path))

    @async_to_deferred
    async def _get_commit_msg(self, repo, sha):
        response = await self._asked(f"/repos/{repo}/commits/{sha}")
        if response.code == 200:
            data = await any_to_async(response.json())
            return data.get("commit", {}).get("message", "No message field")
        _parts.log(f"Failed fetching PR commit message: response code {response.code}")
        return "No message field"

    @async_to_deferred
    async def _get_pr_files(self, repo, number):
        response = await self._asked(f"/repos/{repo}/pulls/{number}/files")
        if response.code != 200:
            _parts.log(f"Failed fetching PR files: response code {response.code}")
            return []
        names = []
        for file in await any_to_async(response.json()):
            names.append(file["filename"])
            if "previous_filename" in file:
                names.append(file["previous_filename"])
        return names

    def _process_change(self, payload, user, repo, repo_url, project, event, properties):
        """The changes of a push, one for each commit."""
        refname = payload["ref"]
        found = re.match(r"^refs/(heads|tags)/(.+)$", refname)
        if not found:
            _parts.log(f"Ignoring refname `{refname}': Not a branch")
            return []
        branch = found.group(2)
        category = "tag" if found.group(1) == "tags" else None
        if payload.get("deleted"):
            _parts.log(f"Branch `{branch}' deleted, ignoring")
            return []
        if self._has_skip(payload["head_commit"].get("message", "")):
            return []
        commits = [payload["head_commit"]] if payload.get("created") else payload["commits"]

        changes = []
        for commit in commits:
            _parts.log(f"New revision: {commit['id'][:8]}")
            change = {
                "author": person_of(commit, "author"),
                "committer": person_of(commit, "committer"),
                "files": [
                    name for kind in ("added", "modified", "removed") for name in commit[kind]
                ],
                "comments": commit["message"],
                "revision": commit["id"],
                "when_timestamp": _parts.moment(commit["timestamp"]),
                "branch": branch,
                "revlink": commit["url"],
                "repository": repo_url,
                "project": project,
                "properties": {
                    "github_distinct": commit.get("distinct", True),
                    "event": event,
                },
                "category": category,
            }
            change["properties"].update(properties)
            _parts.add_codebase(change, self._codebase, payload)
            changes.append(change)
        return changes

    def _has_skip(self, msg):
        return any(re.search(pattern, msg) for pattern in self.skips)


def person_of(commit, role):
    return _parts.person(commit[role])


class GitHubHandler(BaseHookHandler):
    """Makes the event handler from the options of the dialect; `class` names one's own."""

    @recorded
    def __init__(self, master, options):
        super().__init__(master, options)
        options = self.options
        make = options.get("class", GitHubEventHandler)
        self.handler = make(
            options.get("secret", None),
            options.get("strict", False),
            options.get("codebase", None),
            options.get("github_property_whitelist", []),
            master=master,
            skips=options.get("skips", DEFAULT_SKIPS_PATTERN),
            github_api_endpoint=options.get("github_api_endpoint", DEFAULT_GITHUB_API_URL),
            pullrequest_ref=options.get("pullrequest_ref", "merge"),
            token=options.get("token", None),
            debug=options.get("debug", None) or False,
            verify=options.get("verify", None) or False,
        )

    def getChanges(self, request):
        return self.handler.process(request)


github = GitHubHandler
