//! `create-worker`, `start`, `stop`, `restart` and the process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::stage::{Outcome, PROGRAM, Stage, pid_of, send};

fn mode(stage: &Stage, name: &str) -> u32 {
    fs::metadata(stage.path(name)).unwrap().permissions().mode() & 0o777
}

/// The line of `/proc/<pid>/status` that begins with `field`.
fn status(pid: i32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap().trim_start_matches(':').trim().to_owned()
}

/// The session of a process, as `/proc` has it: 0 for one that was begun outside of this container.
fn session_of(process: &str) -> String {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Fields after the name: state, parent, process group, session.
    let fields = stat.rsplit_once(") ").unwrap().1;
    fields.split(' ').nth(3).unwrap().to_owned()
}

#[test]
fn a_new_worker_directory_has_its_files_and_permissions() {
    let stage = Stage::new();
    let outcome = stage.run(&["create-worker", "w", "master.example", "bot", "pass"]);
    let basedir = fs::canonicalize(stage.path("w")).unwrap();
    let basedir = basedir.display();
    let expected = format!(
        "mkdir {basedir}\n\
         mkdir {basedir}/info\n\
         Creating info/admin, you need to edit it appropriately.\n\
         Creating info/host, you need to edit it appropriately.\n\
         Not creating info/access_uri - add it if you wish\n\
         Please edit the files in {basedir}/info appropriately.\n\
         worker configured in {basedir}\n"
    );
    assert_eq!(
        outcome,
        Outcome {
            stdout: expected,
            ..Outcome::quiet(0)
        }
    );
    assert_eq!(mode(&stage, "w/buildbot.tac"), 0o600);
    assert_eq!(
        stage.read("w/info/admin"),
        "Your Name Here <admin@youraddress.invalid>\n"
    );
    assert_eq!(
        stage.read("w/info/host"),
        "Please put a description of this build host here\n"
    );
    let tac = stage.read("w/buildbot.tac");
    for line in [
        "buildmaster_host = 'master.example'",
        "port = 9989",
        "passwd = 'pass'",
    ] {
        assert!(tac.lines().any(|found| found == line), "{tac}");
    }
}

#[test]
fn an_existing_tac_file_is_not_touched() {
    let stage = Stage::with_worker(&[]);
    let old = stage.read("w/buildbot.tac");
    let again = stage.run(&["create-worker", "w", "127.0.0.1:1", "bot", "pass"]);
    assert!(
        again
            .stdout
            .contains("buildbot.tac already exists and is correct\n"),
        "{again:?}"
    );
    stage.write("w/buildbot.tac.new", "long".repeat(10_000).as_str());
    fs::set_permissions(
        stage.path("w/buildbot.tac.new"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let other = stage.run(&["create-worker", "w", "127.0.0.1:1", "bot", "other"]);
    let lines = "updating existing installation\n\
                 not touching existing buildbot.tac\n\
                 creating buildbot.tac.new instead\n";
    assert!(other.stdout.starts_with(lines), "{other:?}");
    assert_eq!(stage.read("w/buildbot.tac"), old);
    assert_eq!(
        stage.read("w/buildbot.tac.new"),
        old.replace("'pass'", "'other'")
    );
    assert_eq!(mode(&stage, "w/buildbot.tac.new"), 0o600);
}

#[test]
fn a_worker_becomes_a_daemon_and_is_stopped() {
    let stage = Stage::with_worker(&[]);
    assert_eq!(stage.run(&["start", "--quiet", "w"]), Outcome::quiet(0));
    let pid = stage.pid();
    assert_eq!(stage.read("w/twistd.pid"), pid.to_string());
    assert_eq!(mode(&stage, "w/twistd.pid"), 0o600);
    assert_eq!(status(pid, "Umask"), "0077");
    assert_eq!(status(pid, "Name"), "buildbot-worker");
    let basedir = fs::canonicalize(stage.path("w")).unwrap();
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), basedir);
    for stream in 0..3 {
        let target = fs::read_link(format!("/proc/{pid}/fd/{stream}")).unwrap();
        assert_eq!(target.to_str(), Some("/dev/null"));
    }
    let session = session_of(&pid.to_string());
    assert_ne!(session, session_of("self"));
    assert_ne!(
        session,
        pid.to_string(),
        "a leader of a session can get a controlling terminal"
    );

    let stopping = stage.run(&["stop", "w"]);
    let expected = format!("worker process {pid} is dead\n");
    assert_eq!(
        stopping,
        Outcome {
            stdout: expected,
            ..Outcome::quiet(0)
        }
    );
    assert!(!stage.path("w/twistd.pid").exists());
    let messages = stage.messages();
    assert_eq!(messages.first().map(String::as_str), Some("Log opened."));
    assert!(
        messages
            .iter()
            .any(|line| line == "Starting Worker -- version: 4.3.0"),
        "{messages:?}"
    );
    assert!(
        messages
            .iter()
            .any(|line| line.starts_with("buildbot-rs 0.")),
        "{messages:?}"
    );
    assert_eq!(
        messages.last().map(String::as_str),
        Some("Server Shut Down.")
    );

    let again = stage.run(&["stop", "w"]);
    assert_eq!(
        again,
        Outcome {
            stdout: "worker not running\n".to_owned(),
            ..Outcome::quiet(0)
        }
    );
}

#[test]
fn start_shows_the_log_until_the_worker_is_attached() {
    let stage = Stage::with_worker(&[]);
    stage.write(
        "w/twistd.log",
        "2020-01-01 00:00:00+0000 [-] message from master: attached\n",
    );
    let start = stage
        .command(PROGRAM)
        .args(["start", "w"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    stage.wait_for("the worker", || stage.path("w/twistd.hostname").exists());
    let mut log = fs::OpenOptions::new()
        .append(true)
        .open(stage.path("w/twistd.log"))
        .unwrap();
    std::io::Write::write_all(&mut log, b"D T [-] message from master: attached\nlater\n").unwrap();
    let outcome = Outcome::of(start.wait_with_output().unwrap());
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{outcome:?}"
    );
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "Following twistd.log until startup finished..");
    assert!(lines[1].ends_with(" [-] Log opened."), "{lines:?}");
    assert!(
        lines.contains(&"D T [-] message from master: attached"),
        "{lines:?}"
    );
    assert_eq!(
        lines.last(),
        Some(&"The buildbot-worker appears to have (re)started correctly.")
    );
    assert!(!lines.contains(&"later"));
}

#[test]
fn start_tells_of_a_worker_that_ends_before_it_is_attached() {
    let stage = Stage::with_worker(&[]);
    let begin = Instant::now();
    let mut start = stage
        .command(PROGRAM)
        .args(["start", "w"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(start.stdout.take().unwrap()).lines();
    let shows_log = lines.any(|line| line.unwrap().contains("recording hostname"));
    assert!(shows_log);
    send(stage.pid(), Signal::KILL);
    let is_told = lines.any(|line| line.unwrap().contains("ended before it was attached"));
    assert!(is_told);
    assert_eq!(start.wait().unwrap().code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(9));
}

#[test]
fn start_gives_up_waiting_after_ten_seconds() {
    let stage = Stage::with_worker(&[]);
    let begin = Instant::now();
    let outcome = stage.run(&["start", "w"]);
    assert!(begin.elapsed() >= Duration::from_secs(10));
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stdout.contains("message from master: attached"),
        "{outcome:?}"
    );
    send(stage.pid(), Signal::TERM);
}

#[test]
fn a_second_worker_in_a_directory_is_refused() {
    let stage = Stage::with_worker(&[]);
    stage.run(&["start", "-q", "w"]);
    let pid = stage.pid();
    for arguments in [&["start", "-q", "w"][..], &["start", "w"]] {
        let outcome = stage.run(arguments);
        assert_eq!(outcome.code, 1);
        let first = format!("Another twistd server is running, PID {pid}\n");
        assert!(outcome.stderr.starts_with(&first), "{outcome:?}");
    }
    assert_eq!(stage.pid(), pid);
}

#[test]
fn a_stale_pid_file_is_removed_and_a_strange_one_is_not() {
    let stage = Stage::with_worker(&[]);
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    stage.write("w/twistd.pid", &child.id().to_string());
    let stopping = stage.run(&["stop", "w"]);
    let expected = format!("worker process {} is dead\n", child.id());
    assert_eq!(
        stopping,
        Outcome {
            stdout: expected,
            ..Outcome::quiet(0)
        }
    );

    let started = stage.run(&["start", "-q", "w"]);
    assert_eq!(started.code, 0, "{started:?}");
    let basedir = fs::canonicalize(stage.path("w")).unwrap();
    let expected = format!("Removing stale pidfile {}/twistd.pid\n", basedir.display());
    assert_eq!(started.stderr, expected);
    assert_eq!(stage.run(&["stop", "-q", "w"]), Outcome::quiet(0));

    stage.write("w/twistd.pid", "abc");
    for arguments in [
        ["start", "-q", "w"],
        ["stop", "-q", "w"],
        ["restart", "-q", "w"],
    ] {
        let outcome = stage.run(&arguments);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(
            outcome.stderr.contains("contains non-numeric value"),
            "{outcome:?}"
        );
    }
    assert_eq!(stage.read("w/twistd.pid"), "abc");
    fs::remove_file(stage.path("w/twistd.pid")).unwrap();
}

#[test]
fn restart_replaces_the_process() {
    let stage = Stage::with_worker(&[]);
    assert_eq!(stage.run(&["restart", "-q", "w"]), Outcome::quiet(0));
    let old = stage.pid();
    assert_eq!(stage.run(&["restart", "-q", "w"]), Outcome::quiet(0));
    assert_ne!(stage.pid(), old);
}

#[test]
fn the_process_ends_by_the_signal_that_stopped_it() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let stage = Stage::with_worker(&[]);
        let child = stage.spawn(stage.command(PROGRAM).args(["start", "--nodaemon", "w"]));
        assert!(!stage.path("w/twistd.pid").exists());
        send(pid_of(&child), signal);
        let outcome = Outcome::of(child.wait_with_output().unwrap());
        assert_eq!(outcome, Outcome::quiet(code));
        let is_shut_down = stage.log().contains("Server Shut Down.");
        assert_eq!(is_shut_down, signal != Signal::HUP);
    }
}

#[test]
fn sighup_asks_a_worker_that_allows_it_for_a_graceful_shutdown() {
    let stage = Stage::with_worker(&["--allow-shutdown=signal"]);
    let child = stage.spawn(stage.command(PROGRAM).args(["start", "--nodaemon", "w"]));
    send(pid_of(&child), Signal::HUP);
    // Without a master there is nothing to wait for.
    assert_eq!(
        Outcome::of(child.wait_with_output().unwrap()),
        Outcome::quiet(0)
    );
    let log = stage.log();
    assert!(
        log.contains("asked to shut down while not connected"),
        "{log}"
    );
    assert!(log.contains("Server Shut Down."), "{log}");
}

#[test]
fn a_worker_started_by_nohup_ignores_sighup_and_passes_no_ignored_signal_on() {
    let stage = Stage::with_worker(&[]);
    let child = stage.spawn(
        stage
            .command("nohup")
            .args([PROGRAM, "start", "--nodaemon", "w"]),
    );
    let pid = pid_of(&child);
    let ignored = u64::from_str_radix(&status(pid, "SigIgn"), 16).unwrap();
    // The C library keeps two signals for itself; whoever runs the tests may ignore them.
    assert_eq!(ignored & !(1 << 31 | 1 << 32), 0);
    send(pid, Signal::HUP);
    send(pid, Signal::TERM);
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 143);
    assert!(stage.log().contains("Server Shut Down."), "{}", stage.log());
}

#[test]
fn sigint_does_not_end_a_background_job_of_a_shell() {
    let stage = Stage::with_worker(&[]);
    let script = format!("trap '' INT; exec {PROGRAM} start --nodaemon w");
    let child = stage.spawn(stage.command("sh").args(["-c", &script]));
    send(pid_of(&child), Signal::INT);
    send(pid_of(&child), Signal::TERM);
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    assert_eq!(outcome, Outcome::quiet(143));
    assert!(stage.log().contains("Received SIGTERM, shutting down."));
}

#[test]
fn the_umask_of_the_tac_file_is_set() {
    let stage = Stage::with_worker(&["--umask=0o27"]);
    stage.run(&["start", "-q", "w"]);
    assert_eq!(status(stage.pid(), "Umask"), "0027");
    assert_eq!(mode(&stage, "w/twistd.pid"), 0o600);
    assert_eq!(mode(&stage, "w/twistd.hostname"), 0o640);
}

#[test]
fn an_option_of_old_files_that_has_no_effect_is_named_in_the_log() {
    let stage = Stage::with_worker(&[]);
    let tac = stage.read("w/buildbot.tac");
    let old = tac.replace("protocol=protocol", "protocol=protocol, usepty=1");
    stage.write("w/buildbot.tac", &old);
    let child = stage.spawn(stage.command(PROGRAM).args(["start", "--nodaemon", "w"]));
    send(pid_of(&child), Signal::TERM);
    child.wait_with_output().unwrap();
    assert!(stage.log().contains("usepty has no effect"));
}

#[test]
fn the_log_is_rotated_as_the_tac_file_says() {
    let stage = Stage::with_worker(&["--log-size=10", "--log-count=2"]);
    let child = stage.spawn(stage.command(PROGRAM).args(["start", "--nodaemon", "w"]));
    send(pid_of(&child), Signal::TERM);
    assert_eq!(
        Outcome::of(child.wait_with_output().unwrap()),
        Outcome::quiet(143)
    );
    let files = ["w/twistd.log.2", "w/twistd.log.1", "w/twistd.log"];
    let last_lines: Vec<String> = files
        .iter()
        .map(|name| stage.read(name).split_once("] ").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        last_lines[1..],
        ["Main loop terminated.\n", "Server Shut Down.\n"]
    );
    assert!(!stage.path("w/twistd.log.3").exists());
}

#[test]
fn errors_in_the_tac_file_are_shown_with_their_place() {
    let stage = Stage::with_worker(&[]);
    let tac = stage.read("w/buildbot.tac");
    let check = |old: &str, new: &str, expected: &[&str]| {
        stage.write("w/buildbot.tac", &tac.replace(old, new));
        for arguments in [
            &["start", "-q", "w"][..],
            &["start", "--nodaemon", "w"],
            &["start", "w"],
        ] {
            let outcome = stage.run(arguments);
            assert_eq!(outcome.code, 1, "{outcome:?}");
            for part in expected {
                assert!(outcome.stderr.contains(part), "{part}: {outcome:?}");
            }
            assert!(!stage.path("w/twistd.pid").exists());
        }
    };
    let line = tac
        .lines()
        .position(|line| line == "keepalive = 600")
        .unwrap()
        + 1;
    let place = format!("buildbot.tac:{line}:13: ");
    check(
        "keepalive = 600",
        "keepalive = frob()",
        &["Failed to load application", &place],
    );
    let endpoint = "\nconnection_string = 'frob:h:5'";
    let without_host = tac
        .replace("'127.0.0.1'", "None")
        .replace("port = 1\n", "port = None\n");
    stage.write(
        "w/buildbot.tac",
        &without_host.replace("\nconnection_string = None", endpoint),
    );
    let outcome = stage.run(&["start", "-q", "w"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("unknown endpoint type \"frob\""),
        "{outcome:?}"
    );
    let encoding = "protocol=protocol, unicode_encoding='frob'";
    check("protocol=protocol", encoding, &["unicode_encoding", "frob"]);
    check(
        "basedir = '/",
        "basedir = '/nowhere",
        &["/nowhere", "is no directory"],
    );
    let proxy = "proxy_connection_string = 'tcp:h:x'";
    check(
        "proxy_connection_string = None",
        proxy,
        &["port is \"x\"", "proxy_connection_string"],
    );
}

#[test]
fn verbose_commands_log_to_standard_error() {
    let stage = Stage::with_worker(&[]);
    let outcome = stage.run(&["--verbose", "stop", "w"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
    let messages: Vec<&str> = outcome
        .stderr
        .lines()
        .map(|line| line.split_once(" [-] ").expect(line).1)
        .collect();
    assert_eq!(messages, ["Log opened.", "worker not running"]);
}

#[test]
fn a_closed_output_is_no_reason_to_fail() {
    let stage = Stage::with_worker(&[]);
    let script = format!("{PROGRAM} stop w >&-");
    let outcome = Outcome::of(stage.command("sh").args(["-c", &script]).output().unwrap());
    assert_eq!(outcome, Outcome::quiet(0));
}

#[test]
fn a_service_manager_is_told_that_a_worker_is_ready_and_that_it_ends() {
    let stage = Stage::with_worker(&[]);
    let path = stage.path("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let told = || {
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length])
            .trim_end()
            .to_owned()
    };
    let mut command = stage.command(PROGRAM);
    command
        .args(["start", "--nodaemon", "w"])
        .env("NOTIFY_SOCKET", &path);
    let mut child = stage.spawn(&mut command);
    assert_eq!(told(), "READY=1");
    send(pid_of(&child), Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    child.wait().unwrap();
}
