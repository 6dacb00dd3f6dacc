//! Files that hang, crash or leave, and Pythons that are not fit.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::program::{Said, buildbot, command, config, stage};

fn check_of(text: &str, options: &[&str]) -> Said {
    let directory = stage(&[("m.cfg", text)]);
    let mut arguments = vec!["checkconfig"];
    arguments.extend(options);
    arguments.push("m.cfg");
    let said = buildbot(directory.path(), &arguments);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(!said.stdout.contains("is good"), "{said:?}");
    said
}

#[test]
fn leaving_python_is_not_good() {
    for code in ["0", "1", "None", "'text'"] {
        let said = check_of(&config(&format!("import sys\nsys.exit({code})")), &[]);
        assert!(said.stderr.contains("sys.exit"), "{said:?}");
        assert!(said.stderr.contains("at m.cfg:5"), "{said:?}");
    }
}

#[test]
fn a_process_that_dies_is_reported() {
    let said = check_of(&config("import os\nos._exit(0)"), &[]);
    assert!(said.stderr.contains("exit code 0"), "{said:?}");
    let said = check_of(&config("import os\nos.kill(os.getpid(), 11)"), &[]);
    assert!(said.stderr.contains("SIGSEGV"), "{said:?}");
}

#[test]
fn a_crash_is_shown_where_it_happened() {
    let text = config("import os\ndef f():\n    os.abort()\n\nf()");
    let said = check_of(&text, &[]);
    let (_, report) = said.stderr.split_once("Configuration Errors:\n").unwrap();
    assert!(
        report.contains("(signal 6 (SIGABRT))\n      at m.cfg:6\n"),
        "{report}"
    );
    assert!(report.contains("line 8 in <module>"), "{report}");
    // What is between the file and the operating system is not the user's.
    assert!(!report.contains("_host"), "{report}");
    let said = check_of(&text, &["--json"]);
    let json = said.json();
    assert_eq!(json["errors"][0]["at"]["line"], 6, "{json}");
    assert!(json["file"].as_str().unwrap().ends_with("m.cfg"), "{json}");
}

#[test]
fn code_that_catches_everything_and_takes_the_signal_is_killed() {
    let text = config(
        "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\nwhile True:\n    try:\n        pass\n    except BaseException:\n        pass",
    );
    let said = check_of(&text, &["--load-timeout=0.3"]);
    assert!(said.stderr.contains("could not be broken off"), "{said:?}");
    assert!(said.stderr.contains("      at m.cfg:"), "{said:?}");
}

#[test]
fn a_file_may_replace_what_the_host_uses() {
    for text in [
        "import time\ntime.time = time.monotonic = time.sleep = None",
        "import json, threading, socket\njson.dumps = json.loads = threading.Thread = socket.socket = None",
        "import sys, io\nsys.stdout = sys.stderr = None",
        "import sys\nsys.stdout = sys.stderr = open('/dev/full', 'w')",
        "import os\nos.chdir('/')\nos.umask(0o777)",
        "import builtins\nbuiltins.print = builtins.sorted = None",
    ] {
        let directory = stage(&[("m.cfg", &config(text))]);
        let said = buildbot(directory.path(), &["checkconfig", "m.cfg"]);
        assert_eq!(said.code, Some(0), "{text}: {said:?}");
    }
}

#[test]
fn a_file_that_takes_too_long_is_broken_off_with_its_place() {
    let said = check_of(&config("while True:\n    pass"), &["--load-timeout=3"]);
    assert!(
        said.stderr.contains("takes longer than 3 s to load"),
        "{said:?}"
    );
    assert!(said.stderr.contains("m.cfg:"), "{said:?}");
    let said = check_of(
        &config("while True:\n    pass"),
        &["--json", "--load-timeout=3"],
    );
    assert!(
        said.errors()[0].contains("takes longer than 3 s"),
        "{said:?}"
    );
}

#[test]
fn an_exception_is_shown_with_its_place_and_the_users_part_of_the_stack() {
    let said = check_of(
        &config("def f():\n    raise ValueError('no good')\n\nf()"),
        &[],
    );
    assert!(
        said.stderr.contains(
            "  error while parsing config file: no good (traceback in logfile)\n      at m.cfg:5\n"
        ),
        "{said:?}"
    );
    assert!(said.stderr.contains("in f\n"), "{said:?}");
}

#[test]
fn a_missing_python_is_named() {
    let directory = stage(&[("m.cfg", &config(""))]);
    let said = buildbot(
        directory.path(),
        &["checkconfig", "--python=/nosuch/python", "m.cfg"],
    );
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("/nosuch/python"), "{said:?}");
    assert!(said.stderr.contains("--python"), "{said:?}");
    let variables = [
        ("PATH", "/nosuch"),
        ("VIRTUAL_ENV", ""),
        ("BUILDBOT_PYTHON", ""),
    ];
    let said = command(directory.path(), &["checkconfig", "m.cfg"], &variables);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("no Python was found"), "{said:?}");
}

#[test]
fn a_quickstart_without_a_python_makes_nothing() {
    let directory = stage(&[]);
    let programs = directory.path().join("programs");
    fs::create_dir(&programs).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let git = std::env::split_paths(&path)
        .map(|directory| directory.join("git"))
        .find(|git| git.exists());
    std::os::unix::fs::symlink(git.unwrap(), programs.join("git")).unwrap();
    let check = |python: &str, expected: &str| {
        let variables = [
            ("PATH", programs.to_str().unwrap()),
            ("VIRTUAL_ENV", ""),
            ("BUILDBOT_PYTHON", python),
        ];
        let said = command(directory.path(), &["quickstart", "made"], &variables);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains(expected), "{said:?}");
        assert!(said.stderr.contains("BUILDBOT_PYTHON"), "{said:?}");
        assert!(!said.stderr.contains("--python"), "{said:?}");
        assert!(!directory.path().join("made").exists());
    };
    check("", "no Python was found");
    check("/nosuch/python", "/nosuch/python");
    let old = directory.path().join("old-python");
    write_program(&old, "#!/bin/sh\nexit 1\n");
    check(old.to_str().unwrap(), "old-python");
}

#[test]
fn a_python_that_is_too_old_is_named() {
    let directory = stage(&[("m.cfg", &config(""))]);
    let python = directory.path().join("old-python");
    write_program(
        &python,
        "#!/bin/sh\ncase \"$*\" in *version*) echo 'Python 3.6.8' ;; esac\nexit 65\n",
    );
    let option = format!("--python={}", python.display());
    let said = buildbot(directory.path(), &["checkconfig", &option, "m.cfg"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("old-python"), "{said:?}");
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
