//! Commands, options, files and directories.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use crate::program::{buildbot, config, stage};

#[test]
fn help_and_version_are_where_they_were() {
    let directory = stage(&[]);
    let said = buildbot(directory.path(), &["--help"]);
    assert_eq!(said.code, Some(0));
    assert!(
        said.stdout
            .starts_with("Usage:    buildbot <command> [command options]\n")
    );
    assert!(said.stdout.contains("    checkconfig "));
    let said = buildbot(directory.path(), &["--version"]);
    assert_eq!(said.code, Some(0));
    assert!(said.stdout.starts_with("Buildbot version: 4.3.0\n"));
    let said = buildbot(directory.path(), &["checkconfig", "--help"]);
    assert_eq!(said.code, Some(0));
    assert!(said.stdout.contains("--load-timeout="));
}

#[test]
fn mistakes_are_named_on_standard_output() {
    let directory = stage(&[]);
    let check = |arguments: &[&str], expected: &str| {
        let said = buildbot(directory.path(), arguments);
        assert_eq!(said.code, Some(1), "{arguments:?}");
        let first = said.stdout.lines().next().unwrap_or_default();
        let (program, message) = first.split_once(":  ").unwrap();
        assert!(program.ends_with("buildbot"), "{first}");
        assert_eq!(message, expected, "{arguments:?}");
        assert!(said.stdout.contains("\n\nUsage:"), "{arguments:?}");
    };
    check(&[], "must specify a command");
    check(&["nosuch"], "Unknown command: nosuch");
    check(&["--nosuch"], "option --nosuch not recognized");
    check(
        &["checkconfig", "--nosuch"],
        "option --nosuch not recognized",
    );
    check(
        &["checkconfig", "--diff"],
        "option --diff requires argument",
    );
}

#[test]
fn a_file_sees_the_command_line() {
    let directory = stage(&[("m.cfg", &config("import sys\nprint(sys.argv)"))]);
    let said = buildbot(
        directory.path(),
        &["checkconfig", "--load-timeout=50", "m.cfg"],
    );
    assert_eq!(
        said.stdout,
        "['buildbot', 'checkconfig', '--load-timeout=50', 'm.cfg']\nConfig file is good!\n"
    );
}

#[test]
fn all_that_a_file_prints_is_shown() {
    let print = "import sys\nfor n in range(30000):\n    print(n)\n    print(n, file=sys.stderr)";
    let directory = stage(&[("m.cfg", &config(print))]);
    let said = buildbot(directory.path(), &["checkconfig", "m.cfg"]);
    let mut expected: Vec<String> = (0..30000).map(|n| n.to_string()).collect();
    assert!(said.stderr.lines().eq(&expected));
    expected.push("Config file is good!".to_owned());
    assert!(said.stdout.lines().eq(&expected));
}

#[test]
fn warnings_name_files_as_errors_do() {
    let twice = "c['workers'].append(worker.Worker('w1', 'x'))";
    let directory = stage(&[("m.cfg", &config(twice))]);
    let said = buildbot(directory.path(), &["checkconfig", "m.cfg"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr.contains("the first one is at base.py:"),
        "{said:?}"
    );
}

#[test]
fn names_need_not_be_texts() {
    let directory = stage(&[]);
    let name = OsStr::from_bytes(b"m \xff.cfg");
    fs::write(directory.path().join(name), config("")).unwrap();
    let check = || {
        Command::new(env!("CARGO_BIN_EXE_buildbot"))
            .current_dir(directory.path())
            .args([OsStr::new("checkconfig"), OsStr::new("--json"), name])
            .output()
            .unwrap()
    };
    let said = check();
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    fs::write(directory.path().join(name), config("nonsense")).unwrap();
    let said = check();
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let json: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(json["errors"][0]["at"]["line"], 4, "{json}");
}

#[test]
fn a_good_file_is_good() {
    let directory = stage(&[("m.cfg", &config(""))]);
    let said = buildbot(directory.path(), &["checkconfig", "m.cfg"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "Config file is good!\n")
    );
    assert_eq!(said.stderr, "");
    let said = buildbot(directory.path(), &["checkconfig", "-q", "m.cfg", "ignored"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""));
}

#[test]
fn errors_stand_on_standard_error_with_place_and_help() {
    let directory = stage(&[("m.cfg", &config("c['bulders'] = 1"))]);
    let said = buildbot(directory.path(), &["checkconfig", "m.cfg"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        said.stderr,
        "Configuration Errors:\n  Unknown BuildmasterConfig key bulders\n      at m.cfg:4\n      did you mean 'builders' instead of 'bulders'?\n"
    );
    let said = buildbot(directory.path(), &["checkconfig", "--quiet", "m.cfg"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(1), ""));
}

#[test]
fn warnings_do_not_make_a_file_bad() {
    let directory = stage(&[("m.cfg", &config("c['workers'] *= 2\nc['title'] = 'x' * 20"))]);
    let said = buildbot(directory.path(), &["checkconfig", "m.cfg"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "Config file is good!\n")
    );
    assert!(
        said.stderr
            .contains("m.cfg:5: warning: WARNING: Title is too long"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr
            .contains("Two services share the same name 'w1'")
    );
    assert!(said.stderr.contains("(a master does not start with this)"));
}

#[test]
fn a_directory_stands_for_the_file_that_its_tac_names() {
    let directory = stage(&[
        ("master.cfg", &config("")),
        ("other.cfg", &config("c['x'] = 1")),
    ]);
    let said = buildbot(directory.path(), &["checkconfig"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let tac = directory.path().join("buildbot.tac");
    fs::write(&tac, "basedir = '.'\nconfigfile = 'other.cfg'\n").unwrap();
    let said = buildbot(directory.path(), &["checkconfig"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr
            .contains("Unknown BuildmasterConfig key x\n      at other.cfg:4"),
        "{}",
        said.stderr
    );
    let parent = directory.path().parent().unwrap();
    let name = directory.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(buildbot(parent, &["checkconfig", name]).code, Some(1));
    fs::write(&tac, "basedir = '.'\n").unwrap();
    assert_eq!(buildbot(parent, &["checkconfig", name]).code, Some(0));
    fs::write(&tac, "configfile = nosuch\n").unwrap();
    let said = buildbot(directory.path(), &["checkconfig"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stdout
            .starts_with("Unable to load 'buildbot.tac' from '"),
        "{said:?}"
    );
    assert!(said.stderr.starts_with("buildbot.tac:1:"), "{said:?}");
}

#[test]
fn missing_files_are_named() {
    let directory = stage(&[]);
    let path = fs::canonicalize(directory.path()).unwrap();
    let said = buildbot(&path, &["checkconfig", "nosuch.cfg"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.stderr,
        format!(
            "Configuration Errors:\n  configuration file '{}/nosuch.cfg' does not exist\n",
            path.display()
        )
    );
    let said = buildbot(&path, &["checkconfig"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("master.cfg' does not exist"));
}

#[test]
fn what_the_file_prints_is_passed_on() {
    let directory = stage(&[(
        "m.cfg",
        &config("import sys\nprint('to out')\nprint('to err', file=sys.stderr)"),
    )]);
    let said = buildbot(directory.path(), &["checkconfig", "m.cfg"]);
    assert_eq!(said.stdout, "to out\nConfig file is good!\n");
    assert_eq!(said.stderr, "to err\n");
    let said = buildbot(directory.path(), &["checkconfig", "--json", "m.cfg"]);
    assert_eq!(said.json()["good"], true);
    assert!(said.stderr.contains("to out\n"));
}

#[test]
fn json_says_everything() {
    let directory = stage(&[(
        "m.cfg",
        &config("c['workers'] *= 2\nc['builders'].append(builder(name='b2', workernames=['w9']))"),
    )]);
    let said = buildbot(directory.path(), &["checkconfig", "--json", "m.cfg"]);
    assert_eq!(said.code, Some(1));
    let report = said.json();
    assert_eq!(report["good"], false);
    assert_eq!(report["starts"], false);
    assert_eq!(report["counts"]["builders"], 2);
    assert_eq!(report["counts"]["workers"], 2);
    assert_eq!(
        said.errors(),
        [
            "builder(s) b2 have no schedulers to drive them",
            "builder 'b2' uses unknown workers 'w9'",
        ]
    );
    assert_eq!(report["errors"][1]["at"]["line"], 26);
    assert!(
        report["errors"][1]["at"]["file"]
            .as_str()
            .unwrap()
            .ends_with("base.py")
    );
    assert_eq!(said.refused().len(), 1);
    assert!(
        report["python"]["version"]
            .as_str()
            .unwrap()
            .starts_with("3.")
    );
}
