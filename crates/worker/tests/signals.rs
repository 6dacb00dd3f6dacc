//! Signals to a process that does not stop when it is asked.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use buildbot_worker::signals::Signals;
use rustix::process::{Pid, Signal, kill_process};

/// Set for the process that plays the worker.
const ROLE: &str = "BUILDBOT_TEST_STUBBORN_WORKER";

/// Does nothing by itself: the test below starts it again, as a worker that says when it was asked.
#[test]
fn a_stubborn_worker() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let signals = Signals::install(false).unwrap();
    let mut stderr = std::io::stderr();
    writeln!(stderr, "ready").unwrap();
    signals.wait_for_stop().unwrap();
    writeln!(stderr, "asked by {}", signals.stopped_by().unwrap()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    for (first, second) in [
        (Signal::TERM, Signal::TERM),
        (Signal::INT, Signal::INT),
        (Signal::TERM, Signal::INT),
    ] {
        let mut worker = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_stubborn_worker", "--nocapture"])
            .env(ROLE, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(worker.stderr.take().unwrap()).lines();
        let mut wait_for = |expected: &str| {
            let found = lines.by_ref().any(|line| line.unwrap() == expected);
            assert!(found, "the worker never said {expected:?}");
        };
        wait_for("ready");
        let pid = Pid::from_child(&worker);
        kill_process(pid, first).unwrap();
        wait_for(&format!("asked by {}", first.as_raw()));
        kill_process(pid, second).unwrap();
        let status = worker.wait().unwrap();
        assert_eq!(status.signal(), Some(second.as_raw()));
    }
}
