"""The cases of record.py: steps, sources and what the worker answers."""

HASH = "f6ad368298bd941e934a41f3babc827b2aa95a1d"
URL = "http://github.com/buildbot/buildbot.git"

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
    "rendered credentials": "auth_credentials=(Property('p'), Secret('name'))",
    "options": "git_credentials=GitCredentialOptions(credentials=['url=https://x\\nusername=y\\npassword=z\\n', Interpolate('username=%(prop:p)s')], use_http_path=True)",
    "options without path": "git_credentials=GitCredentialOptions(credentials=[], use_http_path=False)",
    "both": "auth_credentials=('user', None), git_credentials=GitCredentialOptions(credentials=[GitCredentialInputRenderer(protocol='https', host='h', url='u', path=Property('none'))])",
    "key and credentials": "sshPrivateKey='key', sshHostKey='h', auth_credentials=('user', 'pass')",
    "no key": "sshPrivateKey=Property('none')",
    "empty key": "sshPrivateKey=Property('empty')",
}.items():
    more = {"properties": {"p": "value", "empty": ""}, "secrets": {"name": "hidden"}}
    git(f"{name}: clone", f"{options}, submodules=True", CLONE, sources=sources(revision="abc", branch="refs/x"), **more)
    git(f"{name}: update", f"{options}, env={{'X': 'y'}}, workdir='a/b'", UPDATE, **more)
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
