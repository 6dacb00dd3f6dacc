"""What the hook handlers make of payloads."""

import hmac
import json
import pprint
import warnings
from hashlib import sha1

from buildbot.util import pullrequest
from buildbot.www.hooks import (
    base,
    bitbucket,
    bitbucketcloud,
    bitbucketserver,
    github,
    gitlab,
    gitorious,
)

warnings.simplefilter("ignore")


class Content:
    def __init__(s, b):
        s.b = b

    def read(s):
        return s.b


class Req:
    def __init__(self, headers={}, content=b"", args={}):
        self.h = {k.lower(): v for k, v in headers.items()}
        self.content = Content(content)
        self.args = args
        self.received_headers = self.h
        self.uri = b"/x"
        self.requestHeaders = self

    def getHeader(self, k):
        return self.h.get(k.lower() if isinstance(k, bytes) else k.lower().encode())

    def getRawHeaders(self, k, d=None):
        v = self.getHeader(k)
        return d if v is None else [v]


def out(x):

    def p(r):
        if hasattr(r, "value") and hasattr(r, "type"):
            print("   !!", r.type.__name__, r.value)
        else:
            print("   ", pprint.pformat(r, width=1000000))

    if hasattr(x, "addBoth"):
        x.addBoth(p)
    else:
        p(x)


def call(name, f, *a, **k):
    print(name)
    try:
        out(f(*a, **k))
    except Exception as e:
        print("   !!", type(e).__name__, e)


master = None


def gh(event, payload, opts={}, ct=b"application/json", sig=None, **hdr):
    body = json.dumps(payload).encode()
    h = {b"Content-Type": ct, b"X-GitHub-Event": event}
    if sig:
        h[b"X-Hub-Signature"] = sig(body)
    args = {}
    if ct == b"application/x-www-form-urlencoded":
        args = {b"payload": [body]}
    call(
        f"github {event} {opts} {str(payload)[:60]}",
        lambda: github.github(master, opts).getChanges(Req(h, body, args)),
    )


push = {
    "ref": "refs/heads/main",
    "before": "0" * 40,
    "after": "f" * 40,
    "repository": {"name": "r", "html_url": "http://gh/o/r", "full_name": "o/r"},
    "pusher": {"name": "p"},
    "commits": [
        {
            "id": "a" * 40,
            "message": "msg é",
            "timestamp": "2020-01-02T03:04:05-07:00",
            "url": "http://c",
            "author": {"name": "N", "email": "e@x"},
            "committer": {"name": "M", "email": "m@x"},
            "added": ["a"],
            "modified": ["b"],
            "removed": ["c"],
            "distinct": True,
        },
        {
            "id": "b" * 40,
            "message": "two",
            "timestamp": "2020-01-02T03:04:05Z",
            "url": "http://d",
            "author": {"name": "N", "email": "e@x"},
            "committer": {"name": "M", "email": "m@x"},
            "added": [],
            "modified": [],
            "removed": [],
            "distinct": False,
        },
    ],
    "head_commit": {
        "id": "f" * 40,
        "message": "head",
        "timestamp": "2020-01-02T03:04:05Z",
        "url": "u",
        "author": {"name": "N", "email": "e@x"},
        "committer": {"name": "N", "email": "e@x"},
        "added": [],
        "removed": [],
        "modified": ["z"],
    },
}


def mod(d, **k):
    r = json.loads(json.dumps(d))
    r.update(k)
    return r


gh(b"push", push)
gh(b"push", push, {"codebase": "cb"})
gh(b"push", push, {"codebase": lambda p: "x" + p["ref"]})
gh(b"push", push, {"github_property_whitelist": ["github.pusher*", "github.ref"]})
gh(b"push", push, {"github_property_whitelist": "github.*"})
gh(b"push", mod(push, ref="refs/tags/v1"))
gh(b"push", mod(push, ref="refs/tags/v1", commits=[]))
gh(b"push", mod(push, ref="foo"))
gh(b"push", mod(push, deleted=True))
gh(b"push", mod(push, created=True, commits=[]))
gh(b"push", mod(push, commits=[]))
gh(b"push", mod(push, head_commit={"message": "x [skip ci]"}))
gh(b"push", mod(push, head_commit=None))
gh(b"push", mod(push, head_commit={"message": "x [ci skip]"}), {"skips": ["foo"]})
gh(b"push", push, {"secret": "s"})
gh(
    b"push",
    push,
    {"secret": "s"},
    sig=lambda b: b"sha1=" + hmac.new(b"s", b, sha1).hexdigest().encode(),
)
gh(b"push", push, {"secret": "s"}, sig=lambda b: b"sha1=abc")
gh(b"push", push, {"secret": "s"}, sig=lambda b: b"md5=abc")
gh(b"push", push, {"secret": "s"}, sig=lambda b: b"foo")
gh(b"push", push, {"strict": True})
gh(b"push", push, {"strict": True, "secret": "s"})
gh(b"push", push, {"strict": False, "secret": "s"})
gh(b"push", push, ct=b"application/x-www-form-urlencoded")
gh(b"push", push, ct=b"text/plain")
gh(b"ping", {})
gh(b"workflow_run", {})
gh(b"foo", {})
call(
    "none",
    lambda: github.github(master, {}).getChanges(
        Req({b"Content-Type": b"application/json"}, b"{}")
    ),
)
call(
    "none",
    lambda: github.github(master, None).getChanges(
        Req({b"Content-Type": b"application/json"}, b"{}")
    ),
)


class H(github.GitHubEventHandler):
    def handle_foo(self, p, e):
        return ([{"x": p}], "git")

    def handle_push(self, p, e):
        r = super().handle_push(p, e)
        return (r[0][:1], "gi2")

    def _get_commit_msg(self, repo, sha):
        return "no skip"

    def _get_pr_files(self, repo, n):
        return ["f1", "f2"]


gh(b"foo", {"a": 1}, {"class": H})
gh(b"push", push, {"class": H})
pr = {
    "action": "opened",
    "number": 7,
    "pull_request": {
        "url": "https://api/x",
        "html_url": "https://gh/o/r/pull/7",
        "id": 1,
        "number": 7,
        "title": "T é",
        "body": "B",
        "commits": 2,
        "created_at": "2020-01-02T03:04:05Z",
        "updated_at": "2020-02-02T03:04:05Z",
        "user": {"login": "u"},
        "head": {
            "ref": "feat",
            "sha": "a" * 40,
            "label": "l",
            "user": {"login": "u"},
            "repo": {
                "full_name": "u/r",
                "clone_url": "https://gh/u/r.git",
                "html_url": "https://gh/u/r",
                "name": "r",
            },
        },
        "base": {
            "ref": "main",
            "sha": "b" * 40,
            "repo": {
                "full_name": "o/r",
                "clone_url": "https://gh/o/r.git",
                "html_url": "https://gh/o/r",
                "name": "r",
            },
        },
        "_links": {"html": {"href": "https://gh/o/r/pull/7"}},
    },
    "repository": {
        "full_name": "o/r",
        "html_url": "https://gh/o/r",
        "name": "r",
        "clone_url": "https://gh/o/r.git",
    },
    "sender": {"login": "send"},
}
for o in (
    {"class": H},
    {"class": H, "codebase": "cb"},
    {"class": H, "codebase": lambda p: p["action"]},
    {"class": H, "pullrequest_ref": "head"},
    {"class": H, "pullrequest_ref": "foo"},
    {"class": H, "github_property_whitelist": ["*"]},
    {"class": H, "skips": ["no sk"]},
):
    gh(b"pull_request", pr, o)
for a in ("synchronize", "reopened", "closed", "labeled"):
    gh(b"pull_request", mod(pr, action=a), {"class": H})
p2 = mod(pr)
p2["pull_request"]["body"] = None
p2["pull_request"]["commits"] = 1
gh(b"pull_request", p2, {"class": H})
h = github.GitHubEventHandler("s", True)
print(sorted(((k, v) for k, v in h.__dict__.items() if k not in ("_made", "_place", "_given"))))
h = github.GitHubEventHandler(
    "s", True, "cb", ["w"], None, ["k"], "http://api/", "head", "tok", True, False
)
print(sorted(((k, v) for k, v in h.__dict__.items() if k not in ("_made", "_place", "_given"))))
call("strict", lambda: github.GitHubEventHandler(None, True))
print(
    h._has_skip("k"),
    h._has_skip("x"),
    github.GitHubEventHandler(None, False)._has_skip("a [ skip ci ] b"),
)
for args in (
    {},
    {
        b"branch": [b"b"],
        b"comments": [b"c"],
        b"files": [b'["a","b"]'],
        b"author": [b"a"],
        b"project": [b"p"],
        b"repository": [b"r"],
        b"revision": [b"1"],
        b"when": [b"12.5"],
        b"category": [b"k"],
        b"revlink": [b"l"],
        b"properties": [b'{"x":1}'],
        b"codebase": [b"cb"],
    },
    {b"who": [b"w"], b"when": [b""], b"files": [b""]},
    {b"number": [b"5"]},
    {b"branch": [b""], b"revision": [b""], b"author": [b""]},
    {b"isdir": [b"1"], b"comments": ["é".encode()]},
):
    call(f"base {args}", lambda: base.base(None, {}).getChanges(Req(args=args)))


def gl(event, payload, opts={}, tok=None, body=None, args={}):
    body = json.dumps(payload).encode() if body is None else body
    h = {b"Content-Type": b"application/json", b"X-Gitlab-Event": event}
    if tok:
        h[b"X-Gitlab-Token"] = tok
    call(
        f"gitlab {event} {opts}",
        lambda: gitlab.gitlab(Master(), opts).getChanges(Req(h, body, args)),
    )


class Master:
    class config:
        pass


glp = {
    "object_kind": "push",
    "before": "0",
    "after": "1",
    "ref": "refs/heads/master",
    "user_id": 4,
    "user_name": "J",
    "repository": {"name": "D", "url": "git@l:d.git", "homepage": "h"},
    "commits": [
        {
            "id": "b6",
            "message": "up",
            "timestamp": "2011-12-12T14:27:31+02:00",
            "url": "cu",
            "author": {"name": "JM", "email": "j@m"},
        },
        {
            "id": "b7",
            "message": "up2",
            "timestamp": "2011-12-12T14:27:31Z",
            "url": "cu",
            "author": {"name": "JM", "email": "j@m"},
            "distinct": False,
        },
    ],
    "total_commits_count": 4,
}
gl(b"Push Hook", glp)
gl(b"Push Hook", glp, {"codebase": "c"})
gl(b"Tag Push Hook", mod(glp, ref="refs/tags/v1"))
gl(b"Push", mod(glp, ref="x"))
gl(b"Push", mod(glp, deleted=True))
gl(b"Push", {}, body=b"{")
gl(b"Push", glp, {"secret": "s"})
gl(b"Push", glp, {"secret": "s"}, tok=b"s")
gl(b"Push", mod(glp, object_kind="foo"))
gl(b"Push", mod(glp, object_kind=None))
mr = {
    "object_kind": "merge_request",
    "event_type": "merge_request",
    "user": {"name": "A", "username": "a"},
    "project": {"name": "P", "git_http_url": "x"},
    "object_attributes": {
        "id": 9,
        "iid": 1,
        "target_branch": "master",
        "source_branch": "ms",
        "source_project_id": 14,
        "target_project_id": 15,
        "title": "MS",
        "created_at": "2013",
        "updated_at": "x",
        "state": "opened",
        "description": "desc",
        "url": "mu",
        "source": {"git_http_url": "sh", "git_ssh_url": "ss", "name": "S"},
        "target": {"git_http_url": "th", "git_ssh_url": "ts", "name": "T"},
        "last_commit": {
            "id": "da",
            "message": "fi",
            "timestamp": "2012-01-03T23:36:29+02:00",
            "url": "lu",
            "author": {"name": "GL", "email": "g@l"},
        },
        "action": "open",
    },
    "repository": {"name": "R", "url": "ru"},
}
gl(b"Merge Request Hook", mr)
gl(b"Merge Request Hook", mr, {"codebase": "q"})


def moa(**k):
    r = mod(mr)
    r["object_attributes"].update(k)
    return r


gl(b"MR", moa(state="closed"))
gl(b"MR", moa(action="update"))
gl(b"MR", moa(action="update", oldrev="x"))
gl(b"MR", moa(action="reopen"))
gl(b"MR", moa(action="approved"))
note = {
    "object_kind": "note",
    "user": {"name": "A"},
    "repository": {"name": "R", "url": "ru"},
    "object_attributes": {"id": 1, "note": "hi", "noteable_type": "MergeRequest", "url": "nu"},
    "merge_request": dict(mr["object_attributes"], iid=3),
}
gl(b"Note Hook", note, {"codebase": "z"})
n2 = mod(note)
del n2["merge_request"]
gl(b"Note Hook", n2)
bb = {
    "canon_url": "https://bb",
    "commits": [
        {
            "author": "m",
            "branch": "master",
            "files": [{"file": "f", "type": "modified"}],
            "message": "msg\n",
            "node": "6",
            "parents": ["7"],
            "raw_author": "M <m@e>",
            "raw_node": "620",
            "revision": None,
            "size": -1,
            "timestamp": "2012-05-30 05:58:56",
            "utctimestamp": "2012-05-30 03:58:56+00:00",
        }
    ],
    "repository": {
        "absolute_url": "/m/p/",
        "fork": False,
        "name": "P",
        "owner": "m",
        "scm": "git",
        "slug": "p",
        "website": "h",
    },
    "user": "m",
}
call(
    "bitbucket",
    lambda: bitbucket.bitbucket(None, {}).getChanges(
        Req(
            {b"X-Event-Key": b"repo:push"},
            args={b"payload": [json.dumps(bb).encode()], b"project": [b"pr"]},
        )
    ),
)
call(
    "bitbucket",
    lambda: bitbucket.bitbucket(None, {}).getChanges(
        Req({}, args={b"payload": [json.dumps(bb).encode()]})
    ),
)
go = {
    "after": "df",
    "before": "e9",
    "commits": [
        {
            "author": {"name": "j", "email": "j@x"},
            "committed_at": "2012",
            "id": "df",
            "message": "my message",
            "timestamp": "2012-01-10T11:02:27-07:00",
            "url": "u",
        }
    ],
    "project": {"slug": "gc", "name": "GC"},
    "pushed_at": "x",
    "pushed_by": "jason",
    "ref": "new_look",
    "repository": {"name": "wl", "url": "http://g", "owner": {"name": "jason"}},
}
call(
    "gitorious",
    lambda: gitorious.gitorious(None, {}).getChanges(
        Req({}, args={b"payload": [json.dumps(go).encode()]})
    ),
)
call(
    "gitorious",
    lambda: gitorious.gitorious(None, {}).getChanges(
        Req({}, args={b"payload": [json.dumps(mod(go, after="000")).encode()]})
    ),
)


def bc(mod_, event, payload, opts={}, ct=b"application/json"):
    h = {b"Content-Type": ct}
    if event:
        h[b"X-Event-Key"] = event
    call(
        f"{mod_.__name__} {event} {opts}",
        lambda: getattr(mod_, mod_.__name__.split(".")[-1])(None, opts).getChanges(
            Req(h, json.dumps(payload).encode())
        ),
    )


cloud = {
    "actor": {"nickname": "nick", "display_name": "Disp"},
    "repository": {
        "scm": "git",
        "project": {"key": "CI", "name": "Cont"},
        "slug": "pr",
        "links": {"self": {"href": "http://self"}, "html": {"href": "http://html"}},
        "public": False,
        "ownerName": "CI",
        "owner": {"username": "CI"},
        "fullName": "CI/pr",
    },
    "push": {
        "changes": [
            {
                "created": False,
                "closed": False,
                "new": {"type": "branch", "name": "b1", "target": {"type": "commit", "hash": "7"}},
                "old": {"type": "branch", "name": "b1", "target": {"type": "commit", "hash": "9"}},
            },
            {"new": {"type": "tag", "name": "t1", "target": {"hash": "8"}}, "old": None},
            {"new": None, "old": {"type": "branch", "name": "bd", "target": {"hash": "9"}}},
            {"new": {"type": "foo", "name": "t1", "target": {"hash": "8"}}, "old": None},
        ]
    },
}
bc(bitbucketcloud, b"repo:push", cloud)
bc(bitbucketcloud, b"repo:push", cloud, {"codebase": "c"})
bc(
    bitbucketcloud,
    b"repo:push",
    cloud,
    {"codebase": lambda p: "d", "bitbucket_property_whitelist": ["bitbucket.*name*"]},
)
c2 = mod(cloud)
del c2["repository"]["project"]
bc(bitbucketcloud, b"repo:push", c2)
cpr = {
    "actor": cloud["actor"],
    "pullrequest": {
        "id": 21,
        "title": "dot",
        "link": "http://l",
        "authorLogin": "b",
        "fromRef": {
            "branch": {"name": "br"},
            "commit": {"hash": "a8"},
            "repository": cloud["repository"],
        },
        "toRef": {
            "branch": {"name": "master"},
            "commit": {"hash": "7"},
            "repository": cloud["repository"],
        },
    },
    "repository": cloud["repository"],
}
for e in (
    b"pullrequest:created",
    b"pullrequest:updated",
    b"pullrequest:fulfilled",
    b"pullrequest:rejected",
    b"foo:bar",
    None,
):
    bc(bitbucketcloud, e, cpr)
bc(bitbucketcloud, b"repo:push", cloud, ct=b"text/plain")
srv = {
    "actor": {"username": "John", "displayName": "John Smith"},
    "repository": {
        "scmId": "git",
        "project": {"key": "CI", "name": "Cont"},
        "slug": "pr",
        "links": {"self": [{"href": "http://self/browse"}]},
        "ownerName": "CI",
        "public": False,
        "owner": {"username": "CI"},
        "fullName": "CI/pr",
    },
    "push": cloud["push"],
}
bc(bitbucketserver, b"repo:push", srv)
bc(bitbucketserver, b"repo:refs_changed", srv, {"codebase": "c"})
bc(
    bitbucketserver,
    b"repo:push",
    srv,
    {"codebase": lambda p: "x", "bitbucket_property_whitelist": ["bitbucket.actor*"]},
)
spr = {
    "actor": srv["actor"],
    "pullrequest": {
        "id": 21,
        "title": "dot",
        "link": "http://l",
        "fromRef": {
            "branch": {"name": "br"},
            "commit": {"hash": "a8"},
            "repository": srv["repository"],
        },
        "toRef": {
            "branch": {"name": "master"},
            "commit": {"hash": "7"},
            "repository": srv["repository"],
        },
    },
    "repository": srv["repository"],
}
for e in (
    b"pullrequest:created",
    b"pullrequest:updated",
    b"pullrequest:fulfilled",
    b"pullrequest:rejected",
    b"foo:bar",
    None,
):
    bc(bitbucketserver, e, spr)
bc(bitbucketserver, b"repo:push", srv, ct=b"text/plain")


class P(pullrequest.PullRequestMixin):
    property_basename = "bb"


p = P()
p.external_property_whitelist = ["bb.*"]
print(p.extractProperties({"a": 1, "b": {"c": [1, {"d": 2}], "e": None}, "f": {}}))
p.external_property_denylist = ["bb.b.*"]
print(p.extractProperties({"a": 1, "b": {"c": [1, {"d": 2}], "e": None}, "f": {}}))
p.external_property_whitelist = ["bb.a"]
print(p.extractProperties({"a": 1, "b": {"a": 2}}))
