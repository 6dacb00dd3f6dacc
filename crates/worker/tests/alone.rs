//! What can only be told by a process that does nothing else: its children, its signals.

use std::ffi::OsString;
use std::process::Command as Process;
use std::sync::Arc;

use buildbot_wire::{Stream, Update, Value};
use buildbot_worker::command::{
    CommandContext, CommandEvent, InterruptReason, Interrupts, Outbox, Paths, prepare,
};
use buildbot_worker::output::{Encoding, Settings};

/// Set in the process that does nothing else.
const ALONE: &str = "BUILDBOT_TEST_ALONE";

/// Runs a command line in its own process's worker; interrupts it when it says `ready`.
fn run(command: &str, others: &[(&str, Value)]) -> String {
    let directory = tempfile::tempdir().expect("temporary directory");
    let environ: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let context = CommandContext {
        basedir: directory.path().to_owned(),
        environ: Arc::new(environ),
        encoding: Encoding::named(None).expect("encoding"),
        settings: Arc::new(Settings {
            buffer_size: 1,
            ..Settings::default()
        }),
        marks: false,
        paths: Paths::Pb {
            builder_dir: directory.path().to_owned(),
        },
    };
    let mut pairs: Vec<(Value, Value)> = vec![
        ("command".into(), command.into()),
        ("workdir".into(), "".into()),
    ];
    pairs.extend(
        others
            .iter()
            .map(|(key, value)| ((*key).into(), value.clone())),
    );
    let command =
        prepare("shell", &Value::Dict(pairs), context).unwrap_or_else(|error| panic!("{error}"));
    let (outbox, mut events) = Outbox::channel();
    let (interrupter, interrupts) = Interrupts::channel();
    let agent = async {
        let mut stdout = String::new();
        while let Some(event) = events.recv().await {
            let CommandEvent::Updates(updates) = event else {
                continue;
            };
            for update in updates {
                if let Update::Text {
                    stream: Stream::Stdout,
                    text,
                    ..
                } = update
                {
                    stdout.push_str(&text);
                }
            }
            if stdout.contains("ready") {
                interrupter.interrupt(InterruptReason::Master { why: String::new() });
            }
        }
        stdout
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
        .block_on(async { tokio::join!(command.run(outbox, interrupts), agent).1 })
}

/// Runs the test `name` of this file in a process of its own, started by `launcher`.
fn alone(name: &str, launcher: &str) {
    let program = std::env::current_exe().expect("this program");
    let output = Process::new("/bin/sh")
        .args(["-c", launcher, "sh"])
        .arg(program)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

#[test]
fn no_child_is_left_after_any_kind_of_end() {
    if !is_alone() {
        return alone("no_child_is_left_after_any_kind_of_end", "exec \"$@\"");
    }
    run("true", &[]);
    run("kill -9 $$", &[]);
    run("exit 3", &[("usePTY", true.into())]);
    run("echo ready; sleep 60", &[]);
    run("echo ready; sleep 60", &[("usePTY", true.into())]);
    run(
        "(sleep 60; :) & echo ready; wait",
        &[("sigtermTime", 0.1.into())],
    );
    run(
        "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        &[("sigtermTime", 0.1.into())],
    );
    run("sleep 60", &[("timeout", 0.1.into())]);
    run("while :; do echo; done", &[("max_lines", 5.into())]);
    assert_eq!(children(), Vec::<String>::new());
}

/// The processes whose parent is this one, zombies included.
fn children() -> Vec<String> {
    let me = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            let after_name = stat.rsplit(')').next().unwrap_or_default();
            after_name.split_whitespace().nth(1) == Some(me.as_str())
        })
        .collect()
}

#[test]
fn signals_that_the_worker_ignores_are_not_ignored_by_programs() {
    if !is_alone() {
        let launcher = "trap '' HUP INT QUIT USR1; exec \"$@\"";
        return alone(
            "signals_that_the_worker_ignores_are_not_ignored_by_programs",
            launcher,
        );
    }
    let ignored = |status: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .expect("SigIgn");
        u64::from_str_radix(line.trim(), 16).expect("a number")
    };
    let ours = ignored(&std::fs::read_to_string("/proc/self/status").expect("status"));
    assert_eq!(
        ours & 0b10_0000_0111,
        0b10_0000_0111,
        "HUP, INT, QUIT, USR1 are ignored here"
    );
    let signals = buildbot_worker::signals::Signals::install(false);
    let _signals = signals.expect("the handlers");
    // 32 and 33 belong to the C library, and only to it.
    let below_32 = 0x7fff_ffff;
    for terminal in [false, true] {
        let status = run("exec cat /proc/self/status", &[("usePTY", terminal.into())]);
        assert_eq!(ignored(&status) & below_32, 0);
    }
}
