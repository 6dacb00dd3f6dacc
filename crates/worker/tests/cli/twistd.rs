//! The program under the name `twistd`.

use std::fs;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::stage::{Outcome, PROGRAM, Stage, pid_of, send};

/// A worker without a log section, and a command `twistd` in its directory.
fn stage() -> Stage {
    let stage = Stage::with_worker(&["--no-logrotate"]);
    std::os::unix::fs::symlink(PROGRAM, stage.path("twistd")).unwrap();
    stage
}

fn twistd(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = stage.command(stage.path("twistd"));
    command.current_dir(stage.path("w")).args(arguments);
    command
}

/// Waits until the worker runs and stops it.
fn stop(stage: &Stage, child: Child) -> Outcome {
    stage.wait_for("the worker", || stage.path("w/twistd.hostname").exists());
    send(pid_of(&child), Signal::TERM);
    Outcome::of(child.wait_with_output().unwrap())
}

#[test]
fn the_start_line_of_the_container_image_logs_to_standard_output() {
    for options in [
        &["--pidfile=", "-ny", "buildbot.tac"][..],
        &["--pidfile", "", "--nodaemon", "--python=buildbot.tac"],
        &["--pidfile=", "-noy", "buildbot.tac", "--logfile=-"],
        &["--pidfile=", "-n", "-ybuildbot.tac", "-l-", "--no_save"],
    ] {
        let stage = stage();
        let child = stage.spawn(&mut twistd(&stage, options));
        assert!(!stage.path("w/twistd.pid").exists());
        let outcome = stop(&stage, child);
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (143, ""),
            "{options:?}"
        );
        let messages: Vec<&str> = outcome
            .stdout
            .lines()
            .map(|line| line.split_once(" [-] ").expect(line).1)
            .collect();
        assert_eq!(messages.first(), Some(&"Log opened."));
        assert!(
            messages.contains(&"Starting Worker -- version: 4.3.0"),
            "{messages:?}"
        );
        assert_eq!(messages.last(), Some(&"Server Shut Down."));
        assert!(!stage.path("w/twistd.log").exists());
    }
}

#[test]
fn a_daemon_has_a_pid_file_and_a_log_where_it_was_started() {
    let stage = stage();
    let outcome = Outcome::of(twistd(&stage, &["-y", "buildbot.tac"]).output().unwrap());
    assert_eq!(outcome, Outcome::quiet(0));
    assert!(
        stage
            .messages()
            .contains(&"Starting Worker -- version: 4.3.0".to_owned())
    );
    // twistd's own log has this form of the time.
    assert_eq!(stage.log().chars().nth(10), Some('T'));
    let pid = stage.pid();
    let again = Outcome::of(twistd(&stage, &["-y", "buildbot.tac"]).output().unwrap());
    assert_eq!(again.code, 1);
    assert!(
        again
            .stderr
            .starts_with(&format!("Another twistd server is running, PID {pid}\n"))
    );
}

#[test]
fn options_say_where_files_go_and_how() {
    let stage = stage();
    let options = [
        "--nodaemon",
        "--pidfile=my.pid",
        "--logfile=my.log",
        "--umask=037",
        "--rundir=/",
        "--python=buildbot.tac",
    ];
    let child = stage.spawn(&mut twistd(&stage, &options));
    let pid = pid_of(&child);
    assert_eq!(stage.read("w/my.pid"), pid.to_string());
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(),
        Some("/")
    );
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("Umask:\t0037\n"), "{status}");
    assert_eq!(stop(&stage, child), Outcome::quiet(143));
    assert!(stage.read("w/my.log").contains("Server Shut Down."));
    assert!(!stage.path("w/my.pid").exists());
}

#[test]
fn the_log_of_the_tac_file_comes_first() {
    let stage = Stage::with_worker(&[]);
    std::os::unix::fs::symlink(PROGRAM, stage.path("twistd")).unwrap();
    let child = stage.spawn(&mut twistd(
        &stage,
        &["-ny", "buildbot.tac", "--logfile=other.log"],
    ));
    assert_eq!(stop(&stage, child), Outcome::quiet(143));
    assert!(stage.log().contains("Server Shut Down."));
    assert!(!stage.path("w/other.log").exists());
}

#[test]
fn what_is_not_available_is_refused_by_name() {
    let stage = stage();
    let check = |options: &[&str], expected: &str| {
        let outcome = Outcome::of(
            twistd(&stage, options)
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        );
        assert_eq!(outcome.code, 1, "{options:?}");
        let last = outcome.stdout.lines().last().unwrap_or_default();
        assert!(last.ends_with(expected), "{options:?}: {last}");
    };
    check(&["--frob"], ": option --frob not recognized");
    check(&["-ny"], ": option -y requires argument");
    check(
        &["-n"],
        ": no worker given: name its file with --python=buildbot.tac",
    );
    check(
        &["-ny", "buildbot.tac", "extra"],
        ": Unknown command: extra",
    );
    check(
        &["--reactor=poll", "-ny", "x"],
        ": option --reactor is not available in this program",
    );
    check(
        &["-bny", "x"],
        ": option --debug is not available in this program",
    );
    check(
        &["--uid=1", "-ny", "x"],
        ": option --uid is not available in this program",
    );
    check(&["--p=1"], ": option --p not a unique prefix");
    check(
        &["--umask=9", "-ny", "x"],
        ": --umask is \"9\", but must be an octal number up to 777",
    );
    check(
        &["--logfile=-", "-y", "x"],
        ": daemons cannot log to standard output; use --nodaemon as well",
    );
    let absent = Outcome::of(twistd(&stage, &["-ny", "nothing.tac"]).output().unwrap());
    assert_eq!(absent.code, 1);
    assert!(
        absent
            .stderr
            .starts_with("Failed to load application: cannot read nothing.tac: ")
    );
}

#[test]
fn the_log_can_go_to_the_system_log() {
    let stage = stage();
    let options = ["--syslog", "--prefix=bb", "-ny", "buildbot.tac"];
    let child = stage.spawn(&mut twistd(&stage, &options));
    assert_eq!(stop(&stage, child), Outcome::quiet(143));
    assert!(!stage.path("w/twistd.log").exists());
}

#[test]
fn a_pid_file_that_cannot_be_written_does_not_stay_behind() {
    let stage = stage();
    // No file may grow: as on a full disk, the file is made, but stays empty.
    let mut command = stage.command("/bin/sh");
    command
        .args(["-c", "ulimit -f 0; trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(stage.path("twistd"))
        .args(["-ny", "buildbot.tac"])
        .current_dir(stage.path("w"));
    let outcome = Outcome::of(command.output().unwrap());
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("cannot write it"),
        "{}",
        outcome.stderr
    );
    assert!(!stage.path("w/twistd.pid").exists());
}
