"""The cases of record.py: steps, sources and what the worker answers."""

HASH = "f6ad368298bd941e934a41f3babc827b2aa95a1d"
URL = "http://h/r.git"

CASES = []


def case(name, step, *answers, **more):
    CASES.append({"name": name, "step": step, "answers": list(answers), **more})


def on(command, rc=0, **more):
    return {"on": command, "rc": rc, **more}


def version(number="2.47.3"):
    return on("--version", stdout=f"git version {number}\n")


HEAD = on("rev-parse HEAD", stdout=HASH + "\n")
NOT_PATCHED = on("stat wkdir/.buildbot-patched", 1)
EMPTY = on("listdir wkdir", files=[])
EXISTS = on("listdir wkdir", files=[".git", "a"])
FOREIGN = on("listdir wkdir", files=["a"])
MISSING = on("listdir wkdir", 2)
FAILED = {"rc": 1, "stderr": "it does not work\n"}


def git(name, options, *answers, first=(version(), NOT_PATCHED), last=(HEAD,), cls="Git", **more):
    """A step of Git; `first` and `last` are asked nearly always."""
    arguments = options if options.startswith("repourl") else f"repourl={URL!r}, {options}"
    case(f"git: {name}", f"steps.{cls}({arguments})", *first, *answers, *last, **more)


def sources(**more):
    return [{"branch": None, "revision": None, **more}]


PATCH = [1, "the diff", ""]

# What is found × mode and method × what is asked for.
FOUND = {"nothing": MISSING, "empty": EMPTY, "clone": EXISTS, "foreign": FOREIGN}
MODES = {
    "incremental": "mode='incremental'",
    "full": "mode='full'",
    "clean": "mode='full', method='clean'",
    "fresh": "mode='full', method='fresh'",
    "clobber": "mode='full', method='clobber'",
    "copy": "mode='full', method='copy'",
}
for mode, arguments in MODES.items():
    for found, answer in FOUND.items():
        if mode == "copy":
            answer = {**answer, "on": "listdir source"}
        if mode in ("clobber", "full") and found != "clone":
            continue
        git(f"{mode}, {found}", arguments, answer)
    answer = {**EXISTS, "on": "listdir"}
    git(
        f"{mode} with submodules, branch and revision",
        f"{arguments}, submodules=True, branch='other'",
        answer,
        on("cat-file", 1),
        sources=sources(revision="abcdef01", branch="br"),
    )
    git(
        f"{mode} with submodules into nothing",
        f"{arguments}, submodules=True, remoteSubmodules=True",
        sources=sources(revision="abcdef01"),
        *[on("listdir", 2)],
    )
    git(f"{mode} with a known revision", arguments, answer, sources=sources(revision="abcdef01"))
    git(f"{mode} with tags", f"{arguments}, tags=True", answer, sources=sources(revision="abcdef01"))
    git(f"{mode} with a patch", arguments, answer, sources=sources(patch=PATCH))
    git(
        f"{mode}, patched before",
        arguments,
        answer,
        first=(version(), on("stat wkdir/.buildbot-patched", 0)),
    )
    for failing in ("listdir", "rmdir", "cpdir", "clone", "clean", "fetch", "checkout", "rev-parse", "cat-file"):
        for found in ("clone", "nothing"):
            answer = {**FOUND[found], "on": "listdir"}
            relevant = {
                "listdir": mode == "incremental",
                "cpdir": mode == "copy",
                "rmdir": mode in ("copy", "clobber"),
                "cat-file": found == "clone" and mode in ("incremental", "fresh"),
                "rev-parse": mode == "incremental" and found == "clone",
                "clean": found == "clone" and mode in ("clean", "fresh"),
                "fetch": found == "clone" and mode != "clobber",
                "checkout": True,
                "clone": True,
            }[failing]
            if not relevant:
                continue
            git(
                f"{mode}, {found}, {failing} fails",
                arguments,
                answer,
                first=({**FAILED, "on": failing}, version(), NOT_PATCHED),
                sources=sources(revision="abcdef01" if failing in ("checkout", "cat-file") else None, branch="br"),
            )
    for option in ("retryFetch", "clobberOnFailure", "retryFetch=True, clobberOnFailure"):
        for always in (False, True):
            git(
                f"{mode}, {option}, fetch fails {'always' if always else 'once'}",
                f"{arguments}, {option}=True",
                {**EXISTS, "on": "listdir"},
                first=({**FAILED, "on": " fetch ", "always": always}, version(), NOT_PATCHED),
            )
        git(
            f"{mode}, {option}, clone fails",
            f"{arguments}, {option}=True",
            {**MISSING, "on": "listdir"},
            first=({**FAILED, "on": " clone "}, version(), NOT_PATCHED),
        )

# Single options.
CLONE = {**MISSING, "on": "listdir"}
UPDATE = {**EXISTS, "on": "listdir"}
for name, options in {
    "branch": "branch='br'",
    "branch of refs": "branch='refs/heads/br'",
    "reference": "reference='/r'",
    "origin": "origin='o'",
    "filters": "filters=['tree:0', 'blob:none']",
    "no progress": "progress=False",
    "config": "config={'b': '1', 'a': 'two words'}",
    "env": "env={'A': 'b', 'C': Interpolate('%(prop:p)s')}",
    "workdir": "workdir='wd/x'",
    "absolute workdir": "workdir='/abs/wd'",
    "timeout and no environment": "timeout=None, logEnviron=False",
    "timeout of a fraction": "timeout=1.5",
    "rendered url": "branch=Property('p'), repourl=Interpolate('https://h/%(prop:p)s')",
    "all at once": "branch='b', reference='/r', origin='o', filters=['f'], config={'a': 'b'}, tags=True, submodules=True",
    "port alone": "port=23",
    "name and texts": "name='n', description='d', descriptionDone=['e', 'f'], descriptionSuffix='g'",
    "texts": "description=['d', 'e']",
    "flags": "haltOnFailure=False, flunkOnFailure=False",
}.items():
    git(
        f"{name}: clone",
        options if "repourl" not in options else f"repourl='', {options}".replace("repourl='', ", "", 1),
        CLONE,
        properties={"p": "value"},
    ) if "repourl" not in options else case(
        f"git: {name}: clone", f"steps.Git({options})", version(), NOT_PATCHED, CLONE, HEAD, properties={"p": "value"}
    )
    git(f"{name}: update", options, UPDATE, properties={"p": "value"}) if "repourl" not in options else None
for url in ("host:path", "git@host:path/to", "ssh://host/p", "/local/path", "host:/abs", "C:\\x", "file:///x", "h.x:p:q", "user@h-x.y:~/p"):
    git(f"url {url}", f"repourl={url!r}, port=23", CLONE)
    git(f"url {url} updated", f"repourl={url!r}", UPDATE)
for depth in ("True", "5", "False", "0", "'3'"):
    git(f"shallow {depth}", f"mode='full', method='clobber', shallow={depth}, submodules=True", sources=sources(revision="abcdef01"))
git("shallow, rendered method", "mode='full', method=Property('m'), shallow=True", UPDATE, properties={"m": "fresh"})
git("shallow, rendered method into nothing", "mode='full', method=Property('m'), shallow=True", CLONE, properties={"m": "fresh"}, sources=sources(branch="refs/x"))
git("shallow, rendered mode", "mode=Property('m'), shallow=True", CLONE, properties={"m": "incremental"})
git("unknown mode", "mode=Property('m')", CLONE, properties={"m": "other"})
git("unknown method", "mode='full', method=Property('m')", CLONE, properties={"m": "other"})
git("method of incremental mode", "mode='incremental', method='copy'", CLONE)
git("no mode", "mode=Property('m')", CLONE)
for failing in ("clone", "checkout", "submodule", "rmdir"):
    for shallow in ("False", "True"):
        git(
            f"clobber, shallow {shallow}, {failing} fails",
            f"mode='full', method='clobber', shallow={shallow}, submodules=True",
            first=({**FAILED, "on": failing}, version(), NOT_PATCHED),
            sources=sources(revision="abcdef01"),
        )
    git(
        f"incremental, submodules, {failing} fails",
        "submodules=True, mode='incremental'",
        UPDATE,
        first=({**FAILED, "on": failing}, version(), NOT_PATCHED),
        sources=sources(revision="abcdef01"),
    )
for failing in ("submodule sync", "submodule update", "submodule foreach", "clean -f -f -d"):
    for method in ("clean", "fresh"):
        git(
            f"{method}, {failing} fails",
            f"submodules=True, mode='full', method='{method}'",
            UPDATE,
            first=({**FAILED, "on": failing}, version(), NOT_PATCHED),
        )
git("fresh, second clean fails", "mode='full', method='fresh', submodules=True", UPDATE,
    first=(on(" clean "), on("submodule foreach"), {**FAILED, "on": " clean "}, version(), NOT_PATCHED))
git("clean, second clean fails", "mode='full', method='clean', submodules=True", UPDATE,
    first=(on(" clean "), on("submodule foreach"), {**FAILED, "on": " clean "}, version(), NOT_PATCHED))
git("fetch, branch switch fails", "mode='incremental'", UPDATE, {**FAILED, "on": "checkout -B"}, sources=sources(branch="b"))
git("fresh, clean and clone fail", "mode='full', method='fresh'", UPDATE, first=({**FAILED, "on": " clean "}, {**FAILED, "on": " clone "}, version(), NOT_PATCHED))
git("fresh, clean and rmdir fail", "mode='full', method='fresh'", UPDATE, first=({**FAILED, "on": " clean "}, {**FAILED, "on": "rmdir"}, version(), NOT_PATCHED))
git("fresh, clean and clone fail, clobberOnFailure", "mode='full', method='fresh', clobberOnFailure=True", UPDATE, first=({**FAILED, "on": " clean "}, {**FAILED, "on": " clone "}, version(), NOT_PATCHED))
git("patched, clean fails", "mode='incremental'", UPDATE, first=({**FAILED, "on": " clean "}, version(), on("stat")))
for branch in ("refs/changes/1/2", "refs/heads/x"):
    git(f"fetch of {branch} fails after the clone", f"branch={branch!r}", CLONE, first=({**FAILED, "on": " fetch "}, version(), NOT_PATCHED))
    git(f"checkout of {branch} fails after the clone", f"branch={branch!r}", CLONE, first=({**FAILED, "on": " checkout -"}, version(), NOT_PATCHED), sources=sources(revision="abc"))
    git(f"{branch} shallow", f"branch={branch!r}, mode='full', method='clobber', shallow=True", first=({**FAILED, "on": " fetch "}, version(), NOT_PATCHED))

# Versions of git, and of workers.
for number in ("1.5.5", "1.6.4", "1.6.5", "1.7.1", "1.7.2", "1.7.5", "1.7.6", "1.7.8", "1.7.9", "2.2.9", "2.3.0", "2.9.5", "2.10.0", "2.26.0", "2.27.0", "2.39.3 (Apple Git-145)", "2.33.0.windows.2", "3"):
    first = (version(number), NOT_PATCHED)
    options = "branch='br', submodules=True, filters=['f']"
    git(f"version {number}: clone", options, CLONE, first=first, sources=sources(revision="abc"))
    git(f"version {number}: update", f"{options}, mode='full', method='fresh'", UPDATE, first=first, sources=sources(revision="abc"))
    git(f"version {number}: key", "sshPrivateKey='key', sshHostKey='host', config={'a': 'b'}, submodules=True, tags=True", UPDATE, first=first)
    git(f"version {number}: credentials", "auth_credentials=('u', 'p')", UPDATE, first=first)
for text in ("", "git version", "git version x", "version 2.1", "git version 2.1.x", "something\ngit version 2.1.0\n"):
    git(f"strange version {text!r}", "mode='incremental'", UPDATE, first=(on("--version", stdout=text), NOT_PATCHED))
git("no git", "mode='incremental'", UPDATE, first=({**FAILED, "on": "--version"}, NOT_PATCHED))
git("no git, with a key", "sshPrivateKey='k'", UPDATE, first=({**FAILED, "on": "--version"}, NOT_PATCHED))
for number in ("2.14", "2.15", "2.16", "3.0", "3.3"):
    git(f"worker {number}, nothing", "mode='incremental', logEnviron=False", on("stat wkdir/.git", 1), EMPTY, versions={"*": number})
    git(f"worker {number}, clone", "mode='full', method='copy'", on("stat"), UPDATE, versions={"*": number})
    git(f"worker {number}, git files", "mode='full', method='fresh'", first=(version(), NOT_PATCHED, UPDATE), versions={"*": number})

# What belongs to authentication.
for name, options in {
    "key": "sshPrivateKey='key'",
    "key with newline": "sshPrivateKey='key\\n'",
    "key and host key": "sshPrivateKey='key', sshHostKey='host key'",
    "key and known hosts": "sshPrivateKey='key', sshKnownHosts='known\\nhosts'",
    "secret key": "sshPrivateKey=Secret('name')",
    "credentials": "auth_credentials=('user', 'pass')",
    "rendered credentials": "auth_credentials=('user', Secret('name'))",
    "options": "git_credentials=GitCredentialOptions(credentials=['url=https://x\\nusername=y\\npassword=z\\n', Interpolate('username=%(secret:name)s')], use_http_path=True)",
    "options without path": "git_credentials=GitCredentialOptions(credentials=[], use_http_path=False)",
    "both": "auth_credentials=('user', None), git_credentials=GitCredentialOptions(credentials=[GitCredentialInputRenderer(protocol='https', host='h', url='u', path=None)])",
    "key and credentials": "sshPrivateKey='key', sshHostKey='h', auth_credentials=('user', 'pass')",
    "empty key": "sshPrivateKey=''",
}.items():
    more = {"properties": {"p": "value", "empty": ""}, "secrets": {"name": "hidden"}}
    git(f"{name}: clone", f"{options}, submodules=True", CLONE, sources=sources(revision="abc", branch="refs/x"), **more)
    git(f"{name}: update", f"{options}, env={{'X': 'y'}}, workdir='a/b'", UPDATE, **more)
    if name not in ("key and known hosts", "key and credentials", "both"):
        continue
    git(f"{name}: copy", f"{options}, mode='full', method='copy'", UPDATE, builddir="the builder", **more)
    git(f"{name}: absolute", f"{options}, workdir='/abs/dir'", UPDATE, **more)
    git(f"{name}: fails", options, UPDATE, first=({**FAILED, "on": " fetch "}, version(), NOT_PATCHED), **more)
    for failing in ("mkdir", "downloadFile", "credential", "rmdir"):
        git(f"{name}: {failing} fails", f"{options}, logEnviron=False, timeout=7", UPDATE, first=({**FAILED, "on": failing}, version(), NOT_PATCHED), **more)
    git(f"{name}: windows", options, UPDATE, system="nt", **more)
    git(f"{name}: old git", f"{options}, env={{'GIT_SSH': 'a', 'GIT_SSH_COMMAND': 'b'}}", UPDATE, first=(version("2.2.0"), NOT_PATCHED), **more)
    git(f"{name}: middle-aged git", f"{options}, workdir='wk dir'", UPDATE, first=(version("2.9.0"), NOT_PATCHED), **more)
    git(f"{name}: quotes", f"{options}, workdir='wk \\'\"$d'", UPDATE, first=(version("2.11.0"), NOT_PATCHED), **more)

# Descriptions.
for options in (
    "True", "{}", "{'all': True}", "{'always': True, 'contains': True, 'debug': True, 'long': True, 'exact-match': True, 'tags': True, 'first-parent': True}",
    "{'match': 'a*', 'exclude': 'b', 'abbrev': 7, 'candidates': 3, 'dirty': True}", "{'abbrev': 0, 'candidates': 0, 'dirty': ''}", "{'abbrev': False, 'dirty': 'mark'}",
    "{'dirty': False}", "{'dirty': None, 'tags': False, 'match': None}", "{'unknown': 1}", "{'match': ''}", "{'abbrev': '5'}", "{'abbrev': True}", "{'dirty': 1}", "{'match': ['a', 'b']}",
):
    git(f"description {options}", f"getDescription={options}", UPDATE, HEAD, on("describe", stdout="v1.0-2-gabc \n"), last=())
git("description fails", "getDescription=True", UPDATE, HEAD, {**FAILED, "on": "describe"}, last=())
git("description says nothing", "getDescription=True", UPDATE, HEAD, last=())
git("description fails with output", "getDescription={'tags': True}, codebase='c'", UPDATE, HEAD, on("describe", 1, stdout="x\n"), sources=[{"codebase": "c"}], last=())

# Codebases, source stamps.
for name, options, given in (
    ("its own", "codebase='c'", [{"codebase": "c", "revision": "abc"}]),
    ("another", "codebase='c'", [{"codebase": "d", "revision": "abc"}]),
    ("another, suffix", "codebase='c', descriptionSuffix=['s'], name='n'", [{"codebase": "d"}]),
    ("none", "mode='incremental'", [{"codebase": "d"}]),
    ("rendered", "codebase=Property('p')", [{"codebase": "value"}]),
    ("two", "codebase='c', getDescription=True", [{"codebase": "c"}, {"codebase": "d"}]),
):
    git(f"codebase: {name}", options, UPDATE, on("describe", stdout="d"), sources=given, properties={"p": "value"})
git("codebase: added", "codebase='c'", UPDATE, sources=[{"codebase": "c"}], properties={"got_revision": {"d": "x"}})
git("codebase: mixed", "codebase='c'", UPDATE, sources=[{"codebase": "c"}], properties={"got_revision": "x"})
git("codebase: mixed the other way", "mode='incremental'", UPDATE, properties={"got_revision": {"d": "x"}})
CHANGES = [{"revision": "r1", "when": 1}, {"revision": "r2", "when": 2}]
git("revision of changes", "mode='incremental'", UPDATE, sources=sources(changes=CHANGES))
git("revision of changes of a codebase", "codebase='c'", UPDATE, sources=[{"codebase": "c", "changes": CHANGES}])
git("revision of a change without one", "mode='incremental'", UPDATE, sources=sources(changes=[{"revision": None}]))
git("revision beats changes", "mode='incremental'", UPDATE, sources=sources(changes=CHANGES, revision="abc"))
git("always the latest", "mode='incremental', alwaysUseLatest=True", UPDATE, sources=sources(changes=CHANGES, revision="abc", branch="b", patch=PATCH))
git("always the latest of a branch", "branch='own', alwaysUseLatest=True, codebase='c'", UPDATE, sources=sources())
git("empty revision", "mode='incremental'", UPDATE, sources=sources(revision=""))
git("empty branch", "branch='own'", UPDATE, sources=sources(branch=""))
git("no branch", "branch=None", UPDATE)
git("short revision", "mode='incremental'", UPDATE, on("rev-parse", stdout="abc\n"), last=())
git("long revision", "mode='incremental'", UPDATE, on("rev-parse", stdout=HASH + HASH[:24] + "\n"), last=())
git("revision with blanks", "mode='incremental'", UPDATE, on("rev-parse", stdout="  " + HASH + " \r\n"), last=())

# Patches.
for patch in ([1, "diff", ""], [0, "diff\nlines\n", "sub"], [2, "", "../up"], [1, "diff", "/abs"], [1, "diff", "a/../.."], ["3", "diff", None]):
    git(f"patch {patch}", "mode='incremental'", UPDATE, sources=sources(patch=patch))
for failing in ("downloadFile", "update-index", "apply", "rmdir"):
    git(f"patch, {failing} fails", "mode='incremental', timeout=3, logEnviron=False, env={'a': 'b'}", UPDATE, first=({**FAILED, "on": failing}, version(), NOT_PATCHED), sources=sources(patch=PATCH))
git("patch on windows", "mode='incremental'", UPDATE, sources=sources(patch=[1, "diff", "sub"]), system="nt")
git("patch and clobber", "mode='full', method='clobber'", sources=sources(patch=PATCH))

# Retries.
for repeats in (0, 1, 2):
    for mode in ("mode='incremental'", "mode='full', method='clobber', shallow=True", "mode='full', method='fresh', clobberOnFailure=True"):
        git(f"retry {repeats}, {mode}: succeeds", f"{mode}, retry=(20, {repeats})", CLONE, first=({**FAILED, "on": " clone "}, version(), NOT_PATCHED))
        git(f"retry {repeats}, {mode}: fails", f"{mode}, retry=(20, {repeats})", CLONE, first=({**FAILED, "on": " clone ", "always": True}, version(), NOT_PATCHED))
git("retry, rmdir fails", "retry=(20, 2)", CLONE, first=({**FAILED, "on": " clone "}, {**FAILED, "on": "rmdir"}, version(), NOT_PATCHED))
git("retry as a list", "retry=[0.5, 1]", CLONE, first=({**FAILED, "on": " clone "}, version(), NOT_PATCHED))

# Interrupted, and lost.
for command in ("--version", "stat", "listdir", " fetch ", " checkout -", " rev-parse "):
    git(f"interrupted in {command}", "mode='incremental'", UPDATE, first=(on(command, -1, interrupt=True), version(), NOT_PATCHED))
    git(f"lost in {command}", "mode='incremental', sshPrivateKey='k'", UPDATE, first=(on(command, None, lost=True), version(), NOT_PATCHED))
git("interrupted in a clone", "mode='full', method='clobber'", first=(on(" clone ", -1, interrupt=True), version(), NOT_PATCHED))
git("interrupted in a clone with retries and a key", "mode='full', method='clobber', retry=(10, 2), sshPrivateKey='k'", first=(on(" clone ", -1, interrupt=True), version(), NOT_PATCHED))

# GitHub, GitLab, Gerrit.
for branch in ("refs/pull/1/merge", "refs/pull/1/head", "br", None):
    git(f"github, {branch}", "mode='incremental'", UPDATE, cls="GitHub", sources=sources(branch=branch, revision="abc"))
    git(f"github, {branch}, clone", "mode='incremental', branch='own'", CLONE, cls="GitHub", sources=sources(branch=branch, revision="abc"))
git("github, no branch at all", "branch=None", UPDATE, cls="GitHub")
MERGE = {"source_branch": "sb", "source_project_id": 1, "source_git_ssh_url": "git@h:s/p", "target_branch": "tb", "target_project_id": 2, "target_git_ssh_url": "git@h:t/p"}
git("gitlab", "mode='incremental'", UPDATE, cls="GitLab", sources=sources(revision="abc"))
git("gitlab, merge request", "mode='incremental'", UPDATE, cls="GitLab", sources=sources(revision="abc"), properties=MERGE)
git("gitlab, merge request of this", "repourl='ssh://git@h:t/p'", UPDATE, cls="GitLab", sources=sources(revision="abc"), properties=MERGE)
git("gitlab, merge request of this without scheme", "repourl='git@h:t/p'", UPDATE, cls="GitLab", sources=sources(revision="abc"), properties=MERGE)
git("gitlab, merge request without source", "repourl='git@h:t/p', codebase='c'", UPDATE, cls="GitLab", sources=[{"codebase": "c"}], properties={"target_branch": "t"})
for properties in (
    {"event.change.project": "p", "event.patchSet.ref": "refs/changes/34/1234/5"}, {"event.change.project": "q", "event.patchSet.ref": "refs/changes/34/1234/5"},
    {"gerrit_change": "1234/5"}, {"event.change.project": "p", "gerrit_change": "1/2"}, {"event.change.project": "p"}, {"event.change.project": "p", "gerrit_change": "bad"},
    {"event.change.project": "p", "gerrit_change": "1203/2"}, {"gerrit_change": "x/y"}, {"event.patchSet.ref": "r"}, {"event.change.project": "p", "gerrit_change": "1/2/3"},
    {"event.change.project": "p", "gerrit_change": 5}, {"gerrit_change": ""}, {"event.change.project": "p", "gerrit_change": " 12 / 3 "},
):
    git(f"gerrit {properties}", "mode='incremental'", UPDATE, cls="Gerrit", sources=sources(project="p", revision="abc"), properties=properties)
    git(f"gerrit {properties}, codebase", "codebase='c'", UPDATE, cls="Gerrit", sources=[{"codebase": "c", "project": "p", "branch": "b"}], properties=properties)
git("gerrit, latest", "alwaysUseLatest=True", UPDATE, cls="Gerrit", sources=sources(project="p"), properties={"event.change.project": "p", "event.patchSet.ref": "r"})

# Steps that change a repository.
for cls, options in (("GitPush", f"workdir='wkdir', repourl={URL!r}, branch='br'"), ("GitTag", "workdir='wkdir', tagName='t'"), ("GitCommit", "workdir='wkdir', paths=['a', 'b'], messages=['m', 'n']")):
    git(f"{cls}", "repourl" if 0 else options, cls=cls) if 0 else None
    for name, more in {
        "plain": "",
        "rest": ", config={'a': 'b'}, env={'A': 'b'}, timeout=7, logEnviron=False",
        "rendered": {"GitPush": ", force=True, sshPrivateKey=Secret('name'), sshHostKey='h'", "GitTag": ", annotated=True, messages=[Property('p'), 'n'], force=True", "GitCommit": ", emptyCommits='create-empty-commit', no_verify=True"}[cls],
        "others": {"GitPush": ", auth_credentials=('u', Secret('name'))", "GitTag": ", annotated=True, messages=['m']", "GitCommit": ", emptyCommits='ignore'"}[cls],
        "texts": ", description='doing', descriptionDone='done', name='own', haltOnFailure=True",
    }.items():
        for failing in ("", "version", "push", "mkdir", "tag", "symbolic-ref", "add", "status", "commit", "rmdir"):
            if failing and name == "texts" and failing not in ("version", "push", "tag", "commit"):
                continue
            if failing in ("push", "mkdir", "rmdir") and cls != "GitPush" or failing == "tag" and cls != "GitTag" or failing in ("symbolic-ref", "add", "status", "commit") and cls != "GitCommit":
                continue
            case(
                f"git: {cls}, {name}" + (f", {failing} fails" if failing else ""), f"steps.{cls}({options}{more})",
                *([{**FAILED, "on": failing}] if failing else []), version(), on("symbolic-ref", stdout="refs/heads/br\n"), on("status", stdout=" M a\nA  b\n"),
                properties={"p": "value"}, secrets={"name": "hidden"},
            )
for status in ("", " M a\n?? b\n", "M  a\n", "D  a", "R  a -> b\n", "?? x\nU  y\n", "C  a\n", "AM a\n", "T  a\n", "!! a\n"):
    case(f"git: GitCommit, status {status!r}", "steps.GitCommit(workdir='wkdir', paths=['a'], messages=['m'], emptyCommits='ignore')", version(), on("symbolic-ref", stdout="refs/heads/br\n"), on("status", stdout=status))
case("git: GitCommit, detached", "steps.GitCommit(workdir='wkdir', paths=['a'], messages=['m'])", version(), on("symbolic-ref", 128, stderr="fatal\n"))
case("git: GitCommit, rendered", "steps.GitCommit(workdir=Property('w'), paths=[Property('p'), 'x'], messages=[Property('p')])", version(), on("symbolic-ref", stdout="refs/heads/br\n"), properties={"p": "v", "w": "W", "l": ["x", "y"]})
for url in ("host:path", "ssh://h/p"):
    case(f"git: GitPush to {url}", f"steps.GitPush(workdir='wkdir', repourl={url!r}, branch=Property('p'), port=24, config={{}})", version("2.9"), properties={"p": "v"})
case("git: GitPush without a workdir", f"steps.GitPush(repourl={URL!r}, branch='b')", version())
case("git: GitTag without a workdir", "steps.GitTag(tagName=Property('p'))", version(), properties={"p": "v"})
case("git: GitTag, old git", "steps.GitTag(workdir='wkdir', tagName='t')", version("1.5"))
case("git: GitCommit, old git", "steps.GitCommit(workdir='wkdir', paths=['a'], messages=['m'])", version("1.5"), on("symbolic-ref", stdout="refs/heads/br\n"))
case("git: GitTag, no version", "steps.GitTag(workdir='wkdir', tagName='t')", on("--version", stdout="?\n"))

# What differs.
DIFF = """diff --git file1 file1
index 1..2 100644
--- file1
+++ file1
@@ -42,3 +42,5 @@ def here
-a
-b
-c
+d
+e
+f
+g
+h
diff --git old name new
similarity index 90%
rename from old name
rename to new
--- old name
+++ new
@@ -1 +1 @@
-x
+y
@@ -10,0 +11,2 @@
+x
+y
diff --git gone gone
deleted file mode 100644
--- gone
+++ /dev/null
@@ -1,2 +0,0 @@
-x
-y
diff --git image image
index 1..2 100644
Binary files image and image differ
diff --git made made
new file mode 100644
--- /dev/null
+++ made
@@ -0,0 +1 @@
+x
\\ No newline at end of file
"""
BASE = on("merge-base", stdout="1234123412341234\n")
for name, options, answers in (
    ("plain", "", (BASE, on("diff --no-prefix", stdout=DIFF))),
    ("nothing", "", (BASE, on("diff --no-prefix"))),
    ("options", "compareToRef='other', dataName='data', workdir='w', env={'A': 'b'}, timeout=5, logEnviron=False", (BASE, on("diff", stdout=DIFF))),
    ("no base", "", ({**FAILED, "on": "merge-base"},)),
    ("no diff", "", (BASE, {**FAILED, "on": "diff"})),
    ("bad diff", "", (BASE, on("diff", stdout="--- a\n+++ b\n@@ -1,2 +1,2 @@\n-x\n"))),
    ("no diff at all", "", (BASE, on("diff", stdout="hello\n"))),
    ("renamed only", "", (BASE, on("diff", stdout="diff --git a b\nsimilarity index 100%\nrename from a\nrename to b\n"))),
    ("empty file", "", (BASE, on("diff", stdout="diff --git a a\nnew file mode 100644\nindex 000..e69\n"))),
    ("mode only", "", (BASE, on("diff", stdout="diff --git a a\nold mode 100644\nnew mode 100755\n"))),
    ("texts", "description='x', descriptionDone='y'", (BASE, on("diff", stdout=DIFF))),
):
    case(f"git: GitDiffInfo, {name}", f"steps.GitDiffInfo({options})", *answers, properties={"p": "value"})

# Subversion.
SVN = on("svn --version", stdout="svn, version 1.14\n")
INFO = on("svn info", stdout=f"<info><entry revision='100'><url>{URL}</url><commit revision='90'/></entry></info>", always=True)
STATUS = on("svn status", stdout="""<?xml version="1.0"?><status><target path=".">
<entry path="new file"><wc-status props="none" item="unversioned"></wc-status></entry>
<entry path="out"><wc-status props="none" item="external"></wc-status></entry>
<entry path="gone"><wc-status props="none" item="missing"></wc-status></entry>
<entry path="svn_external_path/x"><wc-status props="none" item="unversioned"></wc-status></entry>
<entry path="kept"><wc-status props="none" item="ignored"></wc-status></entry>
<entry><wc-status props="none" item="ignored"></wc-status></entry>
</target></status>""")


def svn(name, options, *answers, first=(SVN, NOT_PATCHED), **more):
    arguments = options if options.startswith("repourl") else f"repourl={URL!r}, {options}"
    case(f"svn: {name}", f"steps.SVN({arguments})", *first, *answers, INFO, **more)


SVN_MODES = {**MODES, "export": "mode='full', method='export'", "default": "mode='full'"}
for mode, arguments in SVN_MODES.items():
    for found in (0, 1):
        svn(f"{mode}, {('clone', 'nothing')[found]}", arguments, on("stat", found), STATUS)
        svn(f"{mode}, {('clone', 'nothing')[found]}, revision, user, options", f"{arguments}, username='u', password='p', depth='files', extra_args=['--x', 'y'], keep_on_purge=['new file'], preferLastChangedRev=True", on("stat", found), STATUS, sources=sources(revision="12", branch="br"))
    svn(f"{mode}, patch", arguments, on("stat"), sources=sources(patch=PATCH))
    svn(f"{mode}, patched before", arguments, on("stat"), STATUS, first=(SVN, on("stat wkdir/.buildbot-patched")))
    svn(f"{mode}, codebase", f"{arguments}, codebase='c'", on("stat"), sources=[{"codebase": "c"}])
    for failing in ("svn update", "svn checkout", "svn info", "svn status", "rmdir", "cpdir", "svn export"):
        svn(f"{mode}, {failing} fails", arguments, on("stat"), STATUS, first=({**FAILED, "on": failing}, SVN, NOT_PATCHED))
        svn(f"{mode}, nothing, {failing} fails", arguments, on("stat", 1), first=({**FAILED, "on": failing, "always": True}, SVN, NOT_PATCHED))
for repeats in (0, 1, 2):
    svn(f"retry {repeats}", f"retry=(20, {repeats})", on("stat", 1), first=({**FAILED, "on": "checkout", "always": True}, SVN, NOT_PATCHED))
    svn(f"retry {repeats}, succeeds", f"mode='full', method='clobber', retry=(20, {repeats})", first=({**FAILED, "on": "checkout"}, SVN, NOT_PATCHED))
svn("no svn", "mode='incremental'", first=({**FAILED, "on": "--version"},))
svn("interrupted", "mode='incremental'", on("stat"), first=(on("svn update", -1, interrupt=True), SVN, NOT_PATCHED))
svn("interrupted in the version", "mode='incremental'", on("stat"), first=(on("svn --version", -1, interrupt=True), SVN, NOT_PATCHED))
svn("old working copy", "mode='incremental'", on("stat"), first=(on("svn info", 1, stderr="svn: E155037: cleanup"), SVN, NOT_PATCHED))
svn("bad xml", "mode='incremental'", on("stat"), first=(on("svn info", stdout="<info"), SVN, NOT_PATCHED))
svn("no entry", "mode='incremental'", on("stat"), first=(on("svn info", stdout="<info></info>"), SVN, NOT_PATCHED))
svn("no revision", "mode='incremental'", on("stat"), on("svn info", stdout=f"<info><entry><url>{URL}</url></entry></info>", always=True))
svn("no commit", "mode='incremental', preferLastChangedRev=True", on("stat"), on("svn info", stdout=f"<info><entry revision='5'><url>{URL}</url></entry></info>", always=True))
svn("empty commit", "mode='incremental', preferLastChangedRev=True", on("stat"), on("svn info", stdout=f"<info><entry revision='5'><url>{URL}</url><commit/></entry></info>", always=True))
svn("bad xml at the end", "mode='full', method='clobber'", first=(SVN, NOT_PATCHED, on("svn info", stdout="x<info", always=True)))
svn("info fails at the end", "mode='full', method='clobber'", first=(SVN, NOT_PATCHED, on("svn info", 1, always=True)))
svn("bad status", "mode='full', method='clean'", on("stat"), on("svn status", stdout="<status"))
svn("status without statuses", "mode='full', method='clean', keep_on_purge=['a']", on("stat"), on("svn status", stdout="<status><target><entry path='a'/><entry path='b'/></target></status>"))
svn("changes", "mode='incremental'", on("stat"), sources=sources(changes=[{"revision": "5"}, {"revision": "17"}, {"revision": "9"}]))
svn("changes with a hole", "mode='incremental'", on("stat"), sources=sources(changes=[{"revision": "5"}, {"revision": None}]))
svn("changes with a text", "mode='incremental'", on("stat"), sources=sources(changes=[{"revision": "x5"}]))
svn("latest", "mode='incremental', alwaysUseLatest=True", on("stat"), sources=sources(revision="5"))
svn("settings", "env={'A': 'b'}, timeout=7, logEnviron=False, workdir='w'", on("stat"))
svn("rendered", "repourl=Property('p'), password=Secret('name'), username='u'", on("stat"), properties={"p": URL}, secrets={"name": "hidden"})
svn("windows", "mode='full', method='fresh'", on("stat"), STATUS, system="nt")
for number in ("2.14", "2.15", "2.16", "3.0"):
    svn(f"worker {number}", "password='p'", on("stat"), versions={"*": number})
for url, known in (("http://h/r", "http://h/r"), ("http://H:80/r.git/", "http://h/r.git"), ("http://h/r git", "http://h/r%20git"), ("svn+ssh://h/x//y/", "svn+ssh://h/x//y"), ("http://h/é", "http://h/%C3%A9"), ("http://h/", "http://h")):
    svn(f"url {url} of {known}", f"repourl={url!r}", on("stat"), on("svn info", stdout=f"<info><entry revision='5'><url>{known}</url></entry></info>", always=True), first=(SVN, NOT_PATCHED))

# Mercurial.
HG = on("hg --verbose --version")
NODE = on("hg --verbose parents", stdout=HASH)


def hg(name, options, *answers, first=(HG, NOT_PATCHED), last=(NODE,), **more):
    arguments = options if options.startswith("repourl") else f"repourl={URL!r}, {options}"
    case(f"hg: {name}", f"steps.Mercurial({arguments})", *first, *answers, *last, **more)


HG_MODES = {mode: MODES[mode] for mode in ("incremental", "full", "clean", "fresh", "clobber")}
for mode, arguments in HG_MODES.items():
    for kind, options in {
        "in the repository": "branchType='inrepo'", "directories": "branchType='dirname'", "own branch": "branchType='inrepo', defaultBranch='stable'",
        "own directory": "defaultBranch='stable'", "kept": "branchType='inrepo', clobberOnBranchChange=False", "kept directory": "defaultBranch='x', clobberOnBranchChange=False",
    }.items():
        for found in (0, 1):
            hg(f"{mode}, {kind}, {('clone', 'nothing')[found]}", f"{arguments}, {options}", on("stat wkdir/.hg", found), on("identify", stdout="default\n"), on("locate", stdout="a\nb c\n"))
            hg(f"{mode}, {kind}, {('clone', 'nothing')[found]}, revision and branch", f"{arguments}, {options}", on("stat wkdir/.hg", found), on("identify", stdout="br"), on("locate", 1), sources=sources(revision="abc", branch="br"))
            hg(f"{mode}, {kind}, {('clone', 'nothing')[found]}, branch", f"{arguments}, {options}", on("stat wkdir/.hg", found), on("identify", stdout="other"), sources=sources(branch="br"))
    hg(f"{mode}, patch", f"{arguments}, branchType='inrepo'", on("stat wkdir/.hg"), on("identify", stdout="default"), sources=sources(patch=PATCH))
    for failing in ("pull", "update", "clone", "purge", "rmdir", "identify", "locate"):
        for found in (0, 1):
            hg(f"{mode}, {('clone', 'nothing')[found]}, {failing} fails", f"{arguments}, branchType='inrepo'", on("stat wkdir/.hg", found), on("identify", stdout="default"), on("locate", stdout="a\n"), first=({**FAILED, "on": failing}, HG, NOT_PATCHED))
hg("locate breaks", "branchType='inrepo'", on("stat"), on("identify", stdout="default"), on("locate", 2))
hg("no hg", "branchType='inrepo'", first=({**FAILED, "on": "--version"},))
hg("patched before", "branchType='inrepo'", on("identify", stdout="default"), first=(HG,))
hg("interrupted", "branchType='inrepo'", on("identify", stdout="default"), first=(on("pull", -1, interrupt=True), HG, NOT_PATCHED))
hg("short node", "branchType='inrepo'", on("identify", stdout="default"), on("parents", stdout="abc\n"))
hg("parents fail", "branchType='inrepo'", on("identify", stdout="default"), {**FAILED, "on": "parents"})
hg("merge", "branchType='inrepo'", on("identify", stdout="default"), on("parents", stdout=HASH + "\n" + HASH + "\n"))
for repeats in (0, 1):
    hg(f"retry {repeats}", f"branchType='inrepo', retry=(20, {repeats})", on("stat wkdir/.hg", 1), first=({**FAILED, "on": "clone", "always": True}, HG, NOT_PATCHED))
    hg(f"retry {repeats}, succeeds", f"branchType='inrepo', mode='full', method='clobber', retry=(20, {repeats})", first=({**FAILED, "on": "clone"}, HG, NOT_PATCHED))
for failing in ("downloadFile", "import", "rmdir"):
    hg(f"patch, {failing} fails", "branchType='inrepo', clobberOnBranchChange=False", on("identify", stdout="default"), first=(HG, NOT_PATCHED, {**FAILED, "on": failing}), sources=sources(patch=[2, "diff", "sub"]))
hg("codebase", "branchType='inrepo', codebase='c', env={'A': 'b'}, timeout=3, logEnviron=False, workdir='w'", on("identify", stdout="default"), sources=[{"codebase": "c", "changes": CHANGES}])
hg("latest", "branchType='inrepo', alwaysUseLatest=True, defaultBranch='d'", on("identify", stdout="d"), sources=sources(revision="x", branch="y"))
hg("rendered", "repourl=Interpolate('%(prop:p)s/'), defaultBranch='x'", on("identify", stdout="default"), properties={"p": URL})
for number in ("2.14", "2.15", "2.16"):
    hg(f"worker {number}", "branchType='inrepo'", on("identify", stdout="default"), versions={"*": number})

# Perforce.
P4 = on("p4 -V")
CHANGE = on("changes -m1", stdout="info: Change 28147 on 2008/04/07 by p4user@hostname\n... change 28147\n... time 1\n")


def p4(name, options, *answers, first=(P4, NOT_PATCHED), **more):
    more["properties"] = {"workername": "w", "buildername": "b", "builddir": "/wrk/b", **more.get("properties", {})}
    case(f"p4: {name}", f"steps.P4({options})", *first, *answers, CHANGE, **more)


P4_OPTIONS = {
    "base": "p4base='//depot', p4branch='trunk'",
    "server": "p4base='//depot', p4branch='trunk', p4port='host:1666', p4user='user', p4client='client', p4passwd='pass'",
    "tickets": "p4base='//depot', p4branch='trunk', p4user='user', p4passwd='pass', use_tickets=True",
    "tickets without password": "p4base='//depot', p4branch='trunk', use_tickets=True",
    "views": "p4base='//depot', p4branch='trunk', p4extra_views=[('-//depot/trunk/test', 'test'), ('-//depot/trunk/doc/a b', 'd c')]",
    "view": "p4viewspec=[('//depot/trunk/', '')]",
    "view with blanks": "p4viewspec=[('//depot/my trunk/', ''), ('-//depot/trunk/test/', 'te st/')], p4viewspec_suffix=None",
    "view with suffix": "p4viewspec=(('//depot/trunk/', 'x/'), ('//depot/y/...', '...')), p4viewspec_suffix='*'",
    "no branch": "p4base='//depot'",
    "blanks": "p4base='//de pot', p4branch='my trunk', p4client='c'",
    "options": "p4base='//depot', p4branch='t', p4client_spec_options='rmdir', p4line_end='share', p4client_type='partitioned', p4bin='/bin/p4x', p4extra_args=['-Zproxyload', '-x'], debug=True",
    "stream": "p4base='//depot', p4branch='trunk', stream=True, p4client_type='readonly'",
    "rendered": "p4base=Interpolate('//%(prop:p)s'), p4branch=Property('p'), p4user=Property('p'), p4port=Property('p'), p4passwd=Property('p'), p4client=Property('p')",
    "rendered view": "p4viewspec=[(Interpolate('//depot/%(prop:p)s/'), Property('p'))]",
    "settings": "p4base='//depot', p4branch='t', env={'A': 'b'}, timeout=4, logEnviron=False, workdir='w', codebase='c'",
}
for kind, options in P4_OPTIONS.items():
    for mode in ("incremental", "full"):
        more = {"properties": {"p": "value"}, "sources": [{"codebase": "c" if kind == "settings" else ""}]}
        p4(f"{kind}, {mode}", f"{options}, mode='{mode}'", **more)
        p4(f"{kind}, {mode}, revision", f"{options}, mode='{mode}'", **{**more, "sources": [{**more["sources"][0], "revision": "100", "branch": "br", "patch": PATCH}]})
for failing in ("-V", "client -i", "changes", "sync", "rmdir", "login"):
    for mode in ("incremental", "full"):
        p4(f"{mode}, {failing} fails", f"p4base='//depot', p4branch='t', mode='{mode}', use_tickets=True, p4passwd='x', retry=(20, 1)", first=({**FAILED, "on": failing}, P4, NOT_PATCHED))
p4("second sync fails", "p4base='//depot', p4branch='t', mode='full'", on("sync"), {**FAILED, "on": "sync"})
p4("no change", "p4base='//depot', p4branch='t'", on("changes", stdout="nothing\n"))
p4("strange change", "p4base='//depot', p4branch='t'", on("changes", stdout="... change x\n"))
p4("two changes", "p4base='//depot', p4branch='t'", on("changes", stdout="... change 5\n... change 6\n"))
p4("changes", "p4base='//depot', p4branch='t'", sources=sources(changes=[{"revision": "5"}, {"revision": "17"}]))
p4("interrupted", "p4base='//depot', p4branch='t'", first=(on("sync", -1, interrupt=True), P4, NOT_PATCHED))
p4("windows", "p4base='//depot', p4branch='t'", system="nt")
p4("patched before", "p4base='//depot', p4branch='t'", first=(P4,))
p4("unknown mode", "p4base='//depot', p4branch='t', mode=Property('p')", properties={"p": "other"})
for number in ("2.14", "2.16"):
    p4(f"worker {number}", "p4base='//depot', p4branch='t', p4passwd='p'", versions={"*": number})

# Bazaar.
BZR = on("bzr --version")
REVNO = on("bzr version-info", stdout="'100")


def bzr(name, options, *answers, first=(BZR, NOT_PATCHED), **more):
    arguments = options if "repourl" in options or "baseURL" in options else f"repourl={URL!r}, {options}"
    case(f"bzr: {name}", f"steps.Bzr({arguments})", *first, *answers, REVNO, **more)


for mode, arguments in MODES.items():
    for found in (0, 1):
        bzr(f"{mode}, {('clone', 'nothing')[found]}", arguments, on("stat", found))
        bzr(f"{mode}, {('clone', 'nothing')[found]}, revision", arguments, on("stat", found), sources=sources(revision="12", branch="br"))
    bzr(f"{mode}, branches", f"{arguments}, baseURL='http://h', defaultBranch='main'", on("stat", 1))
    bzr(f"{mode}, other branch", f"{arguments}, baseURL='http://h/', defaultBranch='main'", on("stat", 1), sources=sources(branch="br"))
    bzr(f"{mode}, patch", arguments, on("stat"), sources=sources(patch=PATCH))
    bzr(f"{mode}, patched before", arguments, on("stat"), first=(BZR,))
    for failing in ("update", "checkout", "clean-tree", "rmdir", "cpdir"):
        for found in (0, 1):
            bzr(f"{mode}, {('clone', 'nothing')[found]}, {failing} fails", arguments, on("stat", found), first=({**FAILED, "on": failing}, BZR, NOT_PATCHED))
bzr("no bzr", "mode='incremental'", first=({**FAILED, "on": "--version"},))
bzr("no revision", "mode='incremental'", on("version-info", stdout="x\n"))
bzr("revision fails", "mode='incremental'", {**FAILED, "on": "version-info"})
bzr("plain revision", "mode='incremental'", on("version-info", stdout="7"))
bzr("settings", "mode='full', method='copy', env={'A': 'b'}, timeout=4, logEnviron=False, workdir='w', codebase='c'", sources=[{"codebase": "c"}])
bzr("changes without revisions", "mode='incremental'", sources=sources(changes=[{"revision": None}]))
bzr("rendered", "mode='incremental', baseURL=Interpolate('http://%(prop:p)s'), defaultBranch='x'", properties={"p": "v"})
bzr("interrupted", "mode='incremental'", first=(on("bzr update", -1, interrupt=True), BZR, NOT_PATCHED))
for repeats in (0, 1):
    bzr(f"retry {repeats}", f"mode='full', method='clobber', retry=(20, {repeats})", first=({**FAILED, "on": "checkout"}, BZR, NOT_PATCHED))
    bzr(f"retry {repeats}, fails", f"mode='incremental', retry=(20, {repeats})", on("stat", 1), first=({**FAILED, "on": "checkout", "always": True}, BZR, NOT_PATCHED))
