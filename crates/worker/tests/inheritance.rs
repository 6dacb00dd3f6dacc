//! What programs would inherit from a worker process that was started in odd surroundings.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, also in the functions that tests share"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WORKER: &str = env!("CARGO_BIN_EXE_buildbot-worker");

/// Killed when the test is over, however it ends.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a worker by a shell that first runs `before`, and waits until its log is open.
fn start(basedir: &Path, before: &str) -> Worker {
    let created = Command::new(WORKER)
        .args(["create-worker", "-q"])
        .arg(basedir)
        .args(["127.0.0.1:1", "name", "password"])
        .status()
        .unwrap();
    assert!(created.success());
    let child = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{before}; exec \"$0\" start --nodaemon \"$1\""))
        .arg(WORKER)
        .arg(basedir)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let worker = Worker(child);
    let log = basedir.join("twistd.log");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("connecting to")) {
        assert!(Instant::now() < deadline, "the worker does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    worker
}

#[test]
fn neither_descriptors_nor_ignored_signals_of_the_starter_reach_programs() {
    let directory = tempfile::tempdir().unwrap();
    let worker = start(
        &directory.path().join("w"),
        "exec 7</dev/null; trap '' HUP USR1",
    );
    let of_process = |name: &str| {
        let path = format!("/proc/{}/{name}", worker.0.id());
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let number = |text: &str, key: &str, radix: u32| {
        let value = text.lines().find_map(|line| line.strip_prefix(key));
        let value = value.unwrap_or_else(|| panic!("no {key} in {text}")).trim();
        u64::from_str_radix(value, radix).unwrap()
    };
    let close_on_exec = 0o2_000_000;
    let flags = number(&of_process("fdinfo/7"), "flags:", 8);
    assert_eq!(flags & close_on_exec, close_on_exec, "{flags:o}");
    // 32 and 33 belong to the C library, and only to it; the standard library resets SIGPIPE in children.
    let ours = 0x7fff_ffff & !(1 << (libc::SIGPIPE - 1));
    assert_eq!(number(&of_process("status"), "SigIgn:", 16) & ours, 0);
}
