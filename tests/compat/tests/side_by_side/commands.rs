//! Every command of a worker.

use anyhow::{Result, ensure};
use buildbot_compat::{Builder, MasterConfig, Outcome, Stage, WorkerKind, WorkerOptions, tree};
use serde_json::{Value, json};
use std::fs;

over_both_protocols! {
    programs_run_as_asked with programs;
    programs_end_as_they_like with ends;
    files_are_made_and_removed with files;
    commands_that_cannot_start_are_exceptions with impossible;
}

fn builder_alone(stage: &mut Stage) -> Result<Outcome> {
    let _worker = stage.attach_worker(&WorkerOptions::default().env("FROM_WORKER", "yes"))?;
    stage.builds(&["b"])
}

fn shell(name: &str, command: &str, args: Value) -> Value {
    json!({"class": "RemoteShell", "name": name, "command": command, "args": args})
}

fn remote(name: &str, command: &str, args: Value) -> Value {
    json!({"class": "Remote", "name": name, "command": command, "args": args})
}

fn programs() -> MasterConfig {
    let environment = json!({"FOO": "x-${HOME}-y $HOME ${NOT_THERE}z", "PYTHONPATH": ["/p/one", "/p/two"],
        "FROM_WORKER": null, "EMPTY": "", "LIST": ["a", "b"]});
    let builder = Builder::new("b")
        .step(shell("streams", r"echo out1; echo err1 >&2; printf partial; echo; printf 'h\303\251llo\n'; pwd", json!({})))
        .step(shell("environment", "env | sort", json!({"env": environment})))
        .step(shell("own environment", "env | sort", json!({})))
        .step(shell("standard output is not wanted", "echo out; echo err >&2", json!({"want_stdout": 0})))
        .step(shell("standard error is not wanted", "echo out; echo err >&2", json!({"want_stderr": 0})))
        .step(shell("stdin", "cat; echo end", json!({"initialStdin": "line one\nline two, ünïcode"})))
        .step(shell("no stdin", "cat; echo end", json!({})))
        .step(shell("line endings", r"printf 'a\rb\r\nc\010\010d\n\r\n\033[2J\033[1;2Hx\033[uy\r'; printf 'no newline'",
            json!({})))
        .step(shell("invalid bytes", r"printf 'a\377b\303\n\303'; printf '\251\n'", json!({})))
        .step(shell("empty lines", r"printf '\n\n'; echo; echo >&2", json!({})))
        .step(shell("PTY", "tty >/dev/null && echo a terminal; test -t 0 && test -t 1 && test -t 2 && echo all of them",
            json!({"usePTY": true})))
        .step(shell("PTY with stdin is none", "test -t 1 || echo no terminal; cat",
            json!({"usePTY": true, "initialStdin": "text\n"})))
        .step(shell("log files", "mkdir logs; echo one >logs/a; echo two >b.log; echo old >>a", json!({
            "logfiles": {"a": "logs/a", "b": {"filename": "b.log"}, "absent": "never"}})))
        .step(json!({"class": "RemoteShell", "name": "list", "command": ["printf", "%s,", "a b", "", "$HOME", "'\"", "ü"]}))
        .step(json!({"class": "RemoteShell", "name": "relative program", "command": ["./prog", "x"],
            "workdir": "other"}))
        .step(shell("make a program", "printf '#!/bin/sh\necho I am $0 $1\n' >../other/prog; chmod +x ../other/prog",
            json!({})))
        .step(json!({"class": "RemoteShell", "name": "relative program again", "command": ["./prog", "x"],
            "workdir": "other"}))
        .step(json!({"class": "RemoteShell", "name": "deep workdir", "command": "pwd; ls", "workdir": "deep/er/dir"}))
        .step(json!({"class": "RemoteShell", "name": "process group",
            "command": ["sh", "-c", "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo leader; test $(cut -d' ' -f6 /proc/$$/stat) = $$ || echo no session"]}));
    MasterConfig::new().builder(builder)
}

fn programs_run_as_asked(stage: &mut Stage) -> Result<Outcome> {
    let mut outcome = builder_alone(stage)?;
    // The text of the error is free.
    for log in outcome.logs_of_step("relative program") {
        log.err.clear();
    }
    Ok(outcome)
}

fn ends() -> MasterConfig {
    let builder = Builder::new("b")
        .step(shell("exit code 3", "exit 3", json!({})))
        .step(shell("exit code 255", "exit 255", json!({})))
        .step(shell("signal 9", "kill -9 $$", json!({})))
        .step(shell("signal 15", "kill -15 $$", json!({})))
        .step(json!({"class": "RemoteShell", "name": "no such program", "command": ["/nonexistent/prog"],
            "args": {"want_stderr": 0}}))
        .step(json!({"class": "RemoteShell", "name": "not executable", "command": ["/etc/passwd"],
            "args": {"want_stderr": 0}}))
        .step(shell("timeout", "echo before; sleep 30", json!({"timeout": 1})))
        .step(shell("output resets the timeout", "for i in 1 2 3 4; do echo $i; sleep 0.5; done", json!({"timeout": 1.5})))
        .step(shell("maxTime with sigtermTime", "trap 'echo got term; exit 9' TERM; sleep 1000 & wait",
            json!({"maxTime": 1, "sigtermTime": 5})))
        .step(shell("TERM is ignored", "trap '' TERM; echo deaf; while :; do sleep 0.1; done",
            json!({"maxTime": 1, "sigtermTime": 1})))
        .step(shell("max_lines", "seq 1 50; sleep 30", json!({"max_lines": 10})))
        .step(shell("max_lines not reached", "seq 1 10", json!({"max_lines": 10})))
        .step(shell("killed in mid-line", "printf 'half a li'; kill -9 $$", json!({})))
        .step(shell("background process with the pipe", "(sleep 1; echo late) & echo early", json!({})));
    MasterConfig::new().builder(builder)
}

fn programs_end_as_they_like(stage: &mut Stage) -> Result<Outcome> {
    let mut outcome = builder_alone(stage)?;
    // The text of the error is free. The Python worker counts it as standard error, which is not wanted here.
    for (step, text) in [
        (
            "no such program",
            "cannot execute '/nonexistent/prog': No such file or directory",
        ),
        (
            "not executable",
            "cannot execute '/etc/passwd': Permission denied",
        ),
    ] {
        for log in outcome.logs_of_step(step).filter(|log| log.name == "stdio") {
            if stage.kind == WorkerKind::Rust {
                ensure!(log.err == [text], "step {step:?} says {:?}", log.err);
            }
            log.err.clear();
        }
    }
    Ok(outcome)
}

fn files() -> MasterConfig {
    let lasting = |mut step: Value| {
        step["haltOnFailure"] = json!(false);
        step
    };
    let builder = Builder::new("b")
        .step(remote("mkdir", "mkdir", json!({"dir": "build/newdir/deep"})))
        .step(remote("mkdir again", "mkdir", json!({"dir": "build/newdir/deep"})))
        .step(shell("prepare", "mkdir -p tree/sub; echo file-a >tree/sub/a.txt; chmod 750 tree/sub/a.txt; \
            ln -s a.txt tree/sub/link; seq 1 20 >up.txt; touch -d @1000000000 up.txt; echo x >.hidden.txt; \
            mkdir -p g/one/two; touch g/a.c g/one/b.c g/one/two/c.c 'g/[x].c' only; mkdir single; touch single/file; \
            printf 12345678 >eight", json!({})))
        .step(remote("mkdir on a file", "mkdir", json!({"dir": "build/up.txt/x"})))
        .step(remote("stat a file", "stat", json!({"file": "build/up.txt"})))
        .step(remote("stat with workdir", "stat", json!({"file": "up.txt", "workdir": "build"})))
        .step(remote("stat a directory", "stat", json!({"file": "build/tree"})))
        .step(remote("stat through a link", "stat", json!({"file": "build/tree/sub/link"})))
        .step(remote("stat a missing file", "stat", json!({"file": "build/missing.txt"})))
        .step(lasting(json!({"class": "FileUpload", "name": "upload", "workersrc": "up.txt",
            "masterdest": "uploads/up.txt", "blocksize": 20, "url": "http://example.invalid/up"})))
        .step(lasting(json!({"class": "FileUpload", "name": "upload too big", "workersrc": "up.txt",
            "masterdest": "uploads/cut.txt", "maxsize": 8})))
        .step(lasting(json!({"class": "FileUpload", "name": "upload exactly maxsize", "workersrc": "eight",
            "masterdest": "uploads/eight", "maxsize": 8})))
        .step(lasting(json!({"class": "FileUpload", "name": "upload a missing file", "workersrc": "missing.txt",
            "masterdest": "uploads/missing.txt"})))
        .step(lasting(json!({"class": "DirectoryUpload", "name": "upload a directory", "workersrc": "tree",
            "masterdest": "uploads/tree"})))
        .step(lasting(json!({"class": "DirectoryUpload", "name": "upload with gz", "workersrc": "tree",
            "masterdest": "uploads/tree-gz", "compress": "gz"})))
        .step(lasting(json!({"class": "DirectoryUpload", "name": "upload with bz2", "workersrc": "tree",
            "masterdest": "uploads/tree-bz2", "compress": "bz2"})))
        .step(lasting(json!({"class": "DirectoryUpload", "name": "upload a missing directory", "workersrc": "nodir",
            "masterdest": "uploads/nodir"})))
        .step(lasting(json!({"class": "FileDownload", "name": "download", "mastersrc": "settings.json",
            "workerdest": "sub/dl.txt", "blocksize": 20, "mode": 0o640})))
        .step(lasting(json!({"class": "StringDownload", "name": "download a string", "s": "text, ünïcode\n",
            "workerdest": "str.txt"})))
        .step(lasting(json!({"class": "StringDownload", "name": "download too big", "s": "12345678",
            "workerdest": "cut.txt", "maxsize": 4})))
        .step(lasting(json!({"class": "StringDownload", "name": "download over a directory", "s": "x",
            "workerdest": "single"})))
        .step(remote("cpdir", "cpdir", json!({"fromdir": "build/tree", "todir": "build/copies/copy", "timeout": 120})))
        .step(remote("cpdir of nothing", "cpdir", json!({"fromdir": "build/absent", "todir": "build/absent-copy"})))
        .step(remote("glob", "glob", json!({"path": "build/*.txt"})))
        .step(remote("glob in depth", "glob", json!({"path": "build/g/**/*.c"})))
        .step(remote("glob with a set", "glob", json!({"path": "build/g/[[]x[]].?"})))
        .step(remote("glob without a match", "glob", json!({"path": "build/*.none"})))
        .step(remote("listdir", "listdir", json!({"dir": "build/g"})))
        .step(remote("listdir of nothing", "listdir", json!({"dir": "build/none"})))
        .step(remote("rmfile", "rmfile", json!({"path": "build/only"})))
        .step(remote("rmfile again", "rmfile", json!({"path": "build/only"})))
        .step(remote("rmfile on a directory", "rmfile", json!({"path": "build/single"})))
        .step(remote("rmdir", "rmdir", json!({"dir": "build/copies"})))
        .step(remote("rmdir of a list", "rmdir", json!({"dir": ["build/newdir", "build/absent"], "logEnviron": false})));
    MasterConfig::new().builder(builder)
}

fn files_are_made_and_removed(stage: &mut Stage) -> Result<Outcome> {
    let worker = stage.attach_worker(&WorkerOptions::default())?;
    let mut outcome = stage.builds(&["b"])?;
    // `cp` names the files in the order in which the directory has them.
    for log in outcome.logs_of_step("cpdir") {
        log.out.sort();
    }
    let uploads = stage.master.basedir().join("uploads");
    let uploaded = tree(&uploads)?;
    fs::remove_dir_all(uploads)?;
    Ok(outcome.noting("files on the master", uploaded).noting(
        "files of the worker",
        tree(&worker.basedir().join("b/build"))?,
    ))
}

/// Few of them: the master takes two seconds to get over each.
fn impossible() -> MasterConfig {
    let recorded = |mut step: Value| {
        step["recordExceptions"] = json!(true);
        step
    };
    let unknown = || remote("unknown command", "nosuchcommand", json!({"x": 1}));
    let builder = Builder::new("b")
        .step(recorded(remote("no argument of mkdir", "mkdir", json!({}))))
        .step(recorded(remote(
            "no argument of shell",
            "shell",
            json!({"workdir": "build"}),
        )))
        .step(recorded(shell(
            "bad environment",
            "echo no",
            json!({"env": {"A": 1}}),
        )))
        .step(recorded(
            json!({"class": "RemoteShell", "name": "workdir cannot be made", "command": "echo no",
            "workdir": "/proc/nope/dir"}),
        ))
        .shell("the worker goes on", "echo yes");
    MasterConfig::new().builder(builder).builder(
        Builder::new("unknown")
            .step(unknown())
            .shell("never", "echo never"),
    )
}

fn commands_that_cannot_start_are_exceptions(stage: &mut Stage) -> Result<Outcome> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    stage.builds(&["b", "unknown"])
}
