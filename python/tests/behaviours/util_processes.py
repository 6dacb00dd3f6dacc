"""Processes and the arguments of HTTP sessions."""

from shown import outcome
from twisted.internet import defer, reactor

from buildbot.util import httpclientservice as h
from buildbot.util import runprocess


class M:
    pass


m = M()
for a, k in (
    (("http://x/",), {}),
    (("http://x",), {}),
    (
        ("http://x",),
        dict(
            auth=("a", "b"),
            headers={"h": "1"},
            verify=False,
            cert="c",
            debug=True,
            skip_encoding=True,
        ),
    ),
):
    outcome(
        (a, k),
        lambda: sorted(
            (
                (kk, v)
                for kk, v in h.HTTPSession(m, *a, **k).__dict__.items()
                if not kk.startswith("_session") and kk not in ("http",)
            )
        ),
    )
s = h.HTTPSession(m, "http://x")
outcome("uh", lambda: (s.update_headers({"a": "b"}), s.headers))


class Svc:
    def _do_request(self, *a, **k):
        return (a[1:], k)

    def _prepare_request(self, session, ep, kw):
        pass


s = h.HTTPSession(Svc(), "http://x")
for v in ("get", "put", "post", "delete"):
    outcome(v, lambda: getattr(s, v)("/ep", json={"a": 1}))
sv = h.HTTPClientService.__new__(h.HTTPClientService)
for ep, kw, se in (
    ("/a", {}, {}),
    ("a", {}, {}),
    ("http://y/z", {}, {}),
    ("", {}, {}),
    ("/a", {"json": {"b": 1}}, {}),
    ("/a", {"json": {"b": 1}}, {"skip_encoding": True}),
    ("/a", {"headers": {"X": "1", "h": "q"}}, {"headers": {"h": "z"}}),
    ("/a", {"auth": (1, 2)}, {"auth": (3, 4)}),
    ("/a", {}, {"auth": (3, 4)}),
    ("/a", {"json": [__import__("datetime").datetime(2020, 1, 1)]}, {}),
):

    def go():
        ss = h.HTTPSession(m, "http://x", **se)
        k = dict(kw)
        return (sv._prepare_request(ss, ep, k), k)

    outcome((ep, kw, se), go)


class R:
    code = 5
    status_code = 7
    url = "u"
    content = b"c"

    def json(s):
        return 1


outcome("w", lambda: (h.TxRequestsResponseWrapper(R()).code, h.TxRequestsResponseWrapper(R()).url))
outcome("sig", lambda: (h.HTTPClientService.PREFER_TREQ, h.HTTPClientService.MAX_THREADS))


out = []


def show(n, d):
    d.addBoth(
        lambda r: out.append((n, r if not hasattr(r, "value") else (r.type.__name__, str(r.value))))
    )


ds = []


def run(n, *a, **k):
    a = [["sh", "-c", a[0]]] if isinstance(a[0], str) else a
    d = runprocess.run_process(reactor, *a, **k)
    show(n, d)
    ds.append(d)


run("echo", ["echo", "hi"])
run("sh", "echo hi; echo err >&2; exit 3")
run("noerr", "echo hi; echo err >&2", collect_stderr=False)
run("nout", "echo hi", collect_stdout=False)
run("none", "echo hi;exit 4", collect_stdout=False, collect_stderr=False)
run("sie", "echo e >&2", stderr_is_error=True, collect_stderr=False)
run("env", "echo $FOO", env={"FOO": "x"})
run("envl", "echo $FOO", env={"FOO": ["a", "b"]})
run("env2", "echo $FOO", env={"FOO": "${HOME}/y"})
run("wd", ["pwd"], workdir="/tmp")
run("stdinb", ["cat"], initial_stdin=b"x")
run("nx", ["/dev/null/no such program"])
run("bytes", [b"echo", b"q"])
run("int", ["echo", "1"])
run("envnone", "echo $FOO", env={"FOO": None})


def fin(_):
    reactor.stop()


defer.DeferredList(ds).addBoth(fin)
reactor.run()
for o in sorted(out):
    print(o)
p = runprocess.RunProcess(reactor, ["a", "b"])
print(repr(p))
print(runprocess.RunProcess.TIMEOUT_KILL, runprocess.RunProcess.interrupt_signal)
print(sorted(p.__dict__))
