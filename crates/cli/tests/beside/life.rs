//! Masters that are started, stopped and configured.

use std::fs;

use rustix::process::Signal;

use crate::place::{Place, await_that, compare};

const BROKEN: &str = "c['titel'] = 1";

/// What follows the log shows lines of it, which differ; what it says itself is the last line.
fn see_end(place: &mut Place, line: &str) {
    let output = place.run(line);
    let text = place.free(&String::from_utf8_lossy(&output.stdout));
    let first = text.lines().find(|line| {
        [
            "Following",
            "sending",
            "beginning",
            "now restarting",
            "buildbot process",
            "buildmaster",
        ]
        .iter()
        .any(|begin| line.starts_with(begin))
    });
    // Longer texts are ours; what scripts look for is in their first words.
    let ends = [
        "The buildmaster appears to have (re)started correctly.",
        "The buildmaster appears to have encountered an error in the",
        "The buildmaster startup failed.",
        "The buildmaster took more than",
        "Reconfiguration appears to have completed successfully",
        "Reconfiguration failed. Please inspect the master.cfg file for errors",
        "Never saw reconfiguration finish.",
        "Start timeout must be a number",
        "Progress timeout must be a number",
    ];
    let end: Vec<&str> = ends.into_iter().filter(|end| text.contains(end)).collect();
    place.seen.push(format!(
        "$ {line}\n{}\n{}\nexit code {:?}",
        first.unwrap_or_default(),
        end.join("\n"),
        output.status.code()
    ));
}

#[test]
fn a_master_is_started_configured_and_stopped() {
    compare(|place| {
        place.make_master("");
        see_end(place, "start --start_timeout=60 m");
        let pid = fs::read_to_string(place.path("m/twistd.pid")).unwrap();
        assert!(pid.parse::<i32>().is_ok(), "{pid:?}");
        let log = place.log();
        for line in [
            "Starting BuildMaster -- buildbot.version: 4.3.0",
            "Loading configuration from '",
            "BuildMaster is running",
        ] {
            place.see_text(line, log.contains(line));
        }
        for command in ["upgrade-master m", "cleanupdb m"] {
            place.see(command);
        }
        see_end(place, "reconfig --progress_timeout=60 m");
        place.configure(BROKEN);
        see_end(place, "reconfig --progress_timeout=60 m");
        see_end(place, "sighup --progress_timeout=x m");
        place.configure("c['title'] = 'Another'");
        see_end(place, "sighup --progress_timeout=60 m");
        place.see("reconfig -q m");
        await_that("a third configuration", || {
            place.log().matches("configuration update complete").count() == 3
        });
        see_end(place, "restart --start_timeout=60 m");
        place.see("stop --no-wait m");
        await_that("its end", || !place.path("m/twistd.pid").exists());
        place.see("stop m");
        see_end(place, "restart --start_timeout=60 m");
        place.see("restart -q -c m");
        await_that("its start", || {
            place.path("m/twistd.pid").exists()
                && place.log().matches("BuildMaster is running").count() == 4
        });
        place.see("stop -c m");
        let log = place.log();
        for line in ["Main loop terminated.", "Server Shut Down."] {
            place.see_text(line, log.matches(line).count());
        }
    });
}

#[test]
fn masters_that_do_not_start() {
    compare(|place| {
        place.make_master(BROKEN);
        see_end(place, "start --start_timeout=60 m");
        place.see_text("pid file", place.path("m/twistd.pid").exists());
        let log = place.log();
        for line in [
            "Configuration Errors:",
            "Halting master.",
            "BuildMaster startup failed",
        ] {
            place.see_text(line, log.contains(line));
        }
        place.see("start --start_timeout=soon m");
        place
            .variables
            .push(("START_TIMEOUT".into(), "soon".into()));
        place.see("start m");
        place.variables.clear();
        place.see("start a b");
        let output = place.run("start --nodaemon m");
        place.see_text(
            "foreground",
            format!("{:?}", output.status.code().is_some()),
        );
        place.configure("");
        place.write("m/twistd.pid", "99999999");
        see_end(place, "start --start_timeout=60 m");
        let pid = fs::read_to_string(place.path("m/twistd.pid")).unwrap();
        let again = place.run("start m");
        place.see_text("a second start", format!("{:?}", again.status.code()));
        let now = fs::read_to_string(place.path("m/twistd.pid")).unwrap();
        assert_eq!(pid, now, "a second start takes nothing away");
        place.see("stop m");
    });
}

#[test]
fn masters_that_are_gone() {
    compare(|place| {
        place.make_master("");
        place.start();
        let pid = place.pid().unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        await_that("its end", || {
            rustix::process::test_kill_process(pid).is_err()
                || !buildbot_daemon::pid_file::is_alive(pid)
        });
        place.see_text("pid file", place.path("m/twistd.pid").exists());
        let output = place.run("stop m");
        place.see_text("stop", format!("{:?}", output.status.code()));
    });
}

/// The reference shows a stack trace, and ends with 0.
#[test]
fn a_reconfiguration_needs_a_pid_file() {
    let place = Place::new(crate::place::Side::Ours);
    place.make_master("");
    for line in ["reconfig m", "reconfig -q m", "sighup nosuch"] {
        let said = place.run(line);
        let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
        assert!(text.contains("there is no twistd.pid"), "{line}: {said:?}");
        assert_eq!(said.status.code(), Some(1), "{line}");
    }
}

#[test]
fn a_web_port_that_is_taken_is_told_once_with_its_reason() {
    let place = Place::new(crate::place::Side::Ours);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    place.make_master(&format!(
        "c['www'] = {{'port': 'tcp:{port}:interface=127.0.0.1', 'plugins': {{}}}}"
    ));
    let said = place.run("start --start_timeout=60 m");
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let log = place.log();
    assert!(
        log.contains(&format!("cannot listen on port {port}")),
        "{log}"
    );
    assert_eq!(log.matches("Address already in use").count(), 1, "{log}");
}
