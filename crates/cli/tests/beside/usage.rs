//! Options and arguments, without any master.

use std::fs;
use std::path::Path;

use crate::place::{Place, Side, compare, differences, venv};

fn check(lines: &'static [&'static str]) {
    let ours = tell(Side::Ours, lines);
    let real = tell(Side::Real, lines);
    let differences = differences(&ours, &real);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The texts of these are not those of the reference, which shows a traceback or nothing.
#[test]
fn more_commands_that_are_not_understood() {
    for line in ["--verbose", "sendchange -m h:1 -W ann -p x f"] {
        let code = |side| Place::new(side).run(line).status.code();
        assert_eq!(code(Side::Ours), code(Side::Real), "{line}");
    }
}

fn tell(side: Side, lines: &[&str]) -> Vec<String> {
    let mut place = Place::new(side);
    match side {
        Side::Ours => lines.iter().for_each(|line| drop(place.see(line))),
        Side::Real => {
            for (line, (said, code)) in lines.iter().zip(all_of_real(&place, lines)) {
                let said = place.free(&said);
                place
                    .seen
                    .push(format!("$ {line}\n{said}\nexit code {:?}", Some(code)));
            }
        }
    }
    std::mem::take(&mut place.seen)
}

/// What the real one says: its modules are loaded once for all lines.
fn all_of_real(place: &Place, lines: &[&str]) -> Vec<(String, i32)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/lines.py");
    place.write("lines", &lines.join("\n"));
    let mut command = place.command(&venv("python"), "");
    command.arg(script).arg(place.program());
    let said = command
        .stdin(fs::File::open(place.path("lines")).unwrap())
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn commands_that_are_not_understood() {
    check(&[
        "",
        "nosuch",
        "--nosuch",
        "statuslog",
        "--help",
        "start --help",
        "stop --nosuch",
        "create-master --log-count=x m",
        "create-master --log-size=x m",
        "create-master --db=x m",
        "upgrade-master a b",
        "upgrade-master --nosuch",
        "cleanupdb a b",
        "cleanupdb --nosuch",
        "copy-db --nosuch",
        "restart a b",
        "reconfig a b",
        "sighup --nosuch",
        "checkconfig --nosuch",
        "tryserver",
        "tryserver --nosuch",
        "dev-proxy --help",
    ]);
}

#[test]
fn versions_begin_as_scripts_expect() {
    let lines = |side, line: &str| {
        let said = Place::new(side).run(line);
        assert_eq!(said.status.code(), Some(0));
        String::from_utf8(said.stdout).unwrap()
    };
    let begin = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.split(": ").next().unwrap_or_default().to_owned());
        lines.collect()
    };
    for line in [
        "--version",
        "start --version",
        "sendchange --version",
        "copy-db --version",
    ] {
        let ours = lines(Side::Ours, line);
        let real = lines(Side::Real, line);
        assert_eq!(begin(&ours), begin(&real), "{line}");
        assert_eq!(
            ours.lines()
                .find(|line| line.starts_with("Buildbot version")),
            real.lines()
                .find(|line| line.starts_with("Buildbot version")),
        );
    }
}

#[test]
fn changes_that_are_not_sent() {
    check(&[
        "sendchange",
        "sendchange -m x",
        "sendchange -m x -W ann f",
        "sendchange -m h:1",
        "sendchange -m h:1 -W ann -w now f",
        "sendchange -m h:1 -W ann -s cvs2 f",
        "sendchange --nosuch",
        "sendchange -m",
    ]);
}

#[test]
fn jobs_that_are_not_tried() {
    check(&[
        "try",
        "try --nosuch",
        "try -c http",
        "try -c pb",
        "try -c ssh --get-builder-names --username=x --host=h --jobdir=j",
        "try -c pb --get-builder-names",
        "try -c ssh --vc=cvs --topdir=x x",
    ]);
}

#[test]
fn users_that_are_not_managed() {
    check(&[
        "user",
        "user --op=add",
        "user -m h:1 --op=add",
        "user -m h:1 -u a -p b",
        "user -m h:1 -u a -p b --op=frob",
        "user -m h:1 -u a -p b --op=add",
        "user -m h:1 -u a -p b --op=add --ids=x",
        "user -m h:1 -u a -p b --op=update --ids=x",
        "user -m h:1 -u a -p b --op=remove --info=git=x",
        "user -m h:1 -u a -p b --op=get --info=git=x",
        "user -m h:1 -u a -p b --op=add --info=color=red",
        "user -m h:1 -u a -p b --op=update --info=git=x",
        "user -m h:1 -u a -p b --op=add --info=ann:git=x",
        "user -m h:1 -u a -p b --op=add --bb_username=x --bb_password=y --info=git=x",
        "user -m h:1 -u a -p b --op=update --bb_username=x --info=ann:git=x",
        "user -m h -u a -p b --op=get --ids=x",
        "user -u a --op=get --ids=x",
    ]);
}

#[test]
fn options_files_fill_in() {
    compare(|place| {
        fs::create_dir_all(place.path(".buildbot")).unwrap();
        fs::create_dir_all(place.path("deep/er")).unwrap();
        place.write(
            ".buildbot/options",
            "master = 'nohost'\nwho = 'Ann'\ntry_connect = 'pb'\ntry_master = None\nuser_master = 'h:1'\n\
             user_username = 'a'\nuser_passwd = 'b'\n",
        );
        // The master of the file has no port.
        place.see("sendchange f");
        place.see("user --op=frob");
        place.see("user --op=get");
        place.see("try");
        place.write(
            ".buildbot/options",
            "masterstatus = 'h:1'\ntry_connect = 'telnet'\ntry_wait = True\n",
        );
        place.see("try");
        place.see("sendchange f");
        // The nearest one counts.
        fs::create_dir_all(place.path("deep/.buildbot")).unwrap();
        place.write(
            "deep/.buildbot/options",
            "master = 'x:1'\nvc = 'nosuch'\nwho = 'w'\n",
        );
        let directory = place.path("deep/er");
        let said = place
            .command(&place.program(), "sendchange f")
            .current_dir(directory)
            .output()
            .unwrap();
        place.note("sendchange f", &said);
    });
}
