//! What a running master does with signals, while it builds.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, Side, compare};

/// Starts a master in the foreground, with a build that runs as long as the file `hold` is there.
fn building(place: &mut Place) -> crate::place::Foreground {
    place.make_master("");
    fs::write(place.path("hold"), "").unwrap();
    let child = place.start_in_foreground();
    let sent = place.run("sendchange -m 127.0.0.1:@PB@ -W Ann -b main -r 1 f");
    assert!(sent.status.success(), "{sent:?}");
    place.await_rows(
        "SELECT count(*) FROM steps WHERE started_at > 0 AND name = 'wait'",
        |rows| rows == ["Integer(1)"],
    );
    child
}

fn see_build(place: &mut Place) {
    place.see_rows(
        "m/state.sqlite",
        "SELECT number, results FROM builds ORDER BY id",
    );
    place.see_rows(
        "m/state.sqlite",
        "SELECT complete, results FROM buildrequests ORDER BY id",
    );
}

fn signal(child: &crate::place::Foreground, signal: Signal) {
    kill_process(Pid::from_child(&child.0), signal).unwrap();
}

fn see_exit(place: &mut Place, child: &mut crate::place::Foreground) {
    let status = child.0.wait().unwrap();
    // A shell shows both as 130.
    let status = match (status.code(), status.signal()) {
        (Some(130), _) | (_, Some(2)) => "interrupted".to_owned(),
        (code, signal) => format!("{code:?} {signal:?}"),
    };
    place.see_text("exit", status);
}

#[test]
fn sigterm_and_sigint_end_the_process() {
    compare(|place| {
        let mut child = building(place);
        signal(&child, Signal::TERM);
        see_exit(place, &mut child);
        place.see_rows(
            "m/state.sqlite",
            "SELECT count(*) FROM builds WHERE complete_at > 0",
        );
        fs::remove_file(place.path("hold")).unwrap();
        fs::write(place.path("foreground.out"), "").unwrap();
        fs::remove_file(place.path("m/twistd.log")).unwrap_or_default();
        let mut child = place.start_in_foreground();
        signal(&child, Signal::INT);
        see_exit(place, &mut child);
    });
}

/// The reference means to, and has it CANCELLED if the step ends before the build does.
#[test]
fn builds_that_a_signal_ended_are_tried_again() {
    let mut place = Place::new(Side::Ours);
    let mut child = building(&mut place);
    signal(&child, Signal::TERM);
    assert!(child.0.wait().unwrap().success());
    let builds = "SELECT number, results FROM builds ORDER BY id";
    assert_eq!(
        place.rows("m/state.sqlite", builds),
        ["Integer(1) Integer(5)"]
    );
    fs::remove_file(place.path("hold")).unwrap();
    place.start();
    place.await_rows(
        "SELECT results FROM buildrequests WHERE complete = 1",
        |rows| rows == ["Integer(0)"],
    );
    assert_eq!(
        place.rows("m/state.sqlite", builds),
        ["Integer(1) Integer(5)", "Integer(2) Integer(0)"]
    );
    assert!(place.run("stop m").status.success());
}

#[test]
fn sigusr1_lets_builds_end() {
    compare(|place| {
        let mut child = building(place);
        signal(&child, Signal::USR1);
        let out = place.path("foreground.out");
        crate::place::await_that("the shutdown to begin", || {
            let text = fs::read_to_string(&out).unwrap_or_default() + &place.log();
            text.contains("Initiating clean shutdown") || text.contains("Received SIGUSR1")
        });
        assert!(
            child.0.try_wait().unwrap().is_none(),
            "it waits for the build"
        );
        // What comes now is not built any more.
        let sent = place.run("sendchange -m 127.0.0.1:@PB@ -W Ann -b main -r 2 f");
        place.see_text("a change", format!("{:?}", sent.status.code()));
        fs::remove_file(place.path("hold")).unwrap();
        see_exit(place, &mut child);
        see_build(place);
    });
}

#[test]
fn sighup_reads_the_configuration_while_a_build_runs() {
    compare(|place| {
        let mut child = building(place);
        place.configure("c['title'] = 'Another'");
        signal(&child, Signal::HUP);
        let out = place.path("foreground.out");
        crate::place::await_that("the configuration", || {
            let text = fs::read_to_string(&out).unwrap_or_default() + &place.log();
            text.contains("configuration update complete")
        });
        fs::remove_file(place.path("hold")).unwrap();
        place.await_rows("SELECT results FROM builds WHERE complete_at > 0", |rows| {
            rows.len() == 1
        });
        signal(&child, Signal::TERM);
        see_exit(place, &mut child);
        see_build(place);
    });
}

/// Only ours tells.
#[test]
fn a_service_manager_is_told_what_happens() {
    let mut place = Place::new(Side::Ours);
    place.make_master("");
    let path = place.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
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
    place
        .variables
        .push(("NOTIFY_SOCKET".into(), path.clone().into()));
    let mut child = place.start_in_foreground();
    assert_eq!(told(), "READY=1");
    signal(&child, Signal::HUP);
    let reloading = told();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(told(), "READY=1");
    // A configuration that is refused changes nothing: it is ready as it was.
    place.configure("c['titel'] = 1");
    signal(&child, Signal::HUP);
    assert!(told().starts_with("RELOADING=1"));
    assert_eq!(told(), "READY=1");
    signal(&child, Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    assert!(child.0.wait().unwrap().success());
}
