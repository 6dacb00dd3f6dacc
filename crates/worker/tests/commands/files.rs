//! `stat`, `glob`, `listdir` and `rmfile`.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use buildbot_wire::{Update, Value};

use crate::stage::{Heard, Stage, arguments};

#[test]
fn a_file_is_described_by_ten_numbers() {
    let stage = Stage::new();
    let path = stage.write("build/file", "12345");
    let metadata = std::fs::metadata(&path).expect("metadata");
    for args in [
        arguments([("file", "build/file".into())]),
        arguments([
            ("file", "file".into()),
            ("workdir", "build".into()),
            ("logEnviron", false.into()),
        ]),
    ] {
        let heard = stage.run("stat", args).completed();
        assert_eq!(heard.keys(), ["stat", "rc", "elapsed"]);
        assert_eq!(heard.rc(), Some(0));
        let Some(Update::Stat(numbers)) = heard.updates.first() else {
            panic!("no stat")
        };
        assert_eq!(numbers[0], i128::from(metadata.mode()));
        assert_eq!(numbers[1], i128::from(metadata.ino()));
        assert_eq!(numbers[6], 5);
        assert_eq!(numbers[8], i128::from(metadata.mtime()));
    }
}

#[test]
fn what_is_missing_is_an_error_number_and_a_header() {
    let stage = Stage::new();
    for (name, argument) in [("stat", "file"), ("listdir", "dir"), ("rmfile", "path")] {
        let heard = stage
            .run(name, arguments([(argument, "absent".into())]))
            .completed();
        assert_eq!(heard.keys(), ["rc", "elapsed", "header"]);
        assert_eq!(heard.rc(), Some(2));
        let path = stage.path_text("absent");
        assert_eq!(
            heard.header(),
            format!("{name}: No such file or directory: {path}\n")
        );
        assert_eq!(
            stage.refused(name, &arguments([])).to_string(),
            format!("'{argument}'")
        );
    }
}

#[test]
fn a_directory_is_listed_and_names_that_are_no_text_are_replaced() {
    let stage = Stage::msgpack();
    stage.write("d/.hidden", "");
    stage.write("d/sub/file", "");
    let odd = stage
        .path("d")
        .join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    std::fs::write(odd, "").expect("file");
    let heard = stage
        .run(
            "listdir",
            arguments([("path", stage.path_text("d").into())]),
        )
        .completed();
    assert_eq!(heard.files(), [".hidden", "odd\u{fffd}", "sub"]);
    assert_eq!(heard.keys(), ["files", "rc", "elapsed"]);
}

#[test]
fn file_names_are_in_the_workers_encoding() {
    let mut stage = Stage::new();
    stage.context.encoding =
        buildbot_worker::output::Encoding::named(Some("latin-1")).expect("encoding");
    std::fs::write(
        stage.path("").join(std::ffi::OsStr::from_bytes(b"h\xe9")),
        "12",
    )
    .expect("file");
    let heard = stage.run("listdir", arguments([("dir", "".into())]));
    assert_eq!(heard.files(), ["hé"]);
    assert_eq!(
        stage.run("stat", arguments([("file", "hé".into())])).rc(),
        Some(0)
    );
    assert_eq!(
        stage
            .run("glob", arguments([("path", "h?".into())]))
            .files(),
        [stage.path_text("hé")]
    );
    assert_eq!(
        stage.run("rmfile", arguments([("path", "hé".into())])).rc(),
        Some(0)
    );
    let heard = stage.run("stat", arguments([("file", "hé".into())]));
    let expected = format!(
        "stat: No such file or directory: {}\n",
        stage.path_text("hé")
    );
    assert_eq!(heard.header(), expected);
}

#[test]
fn a_file_is_removed_and_a_tilde_is_the_home_directory() {
    let stage = Stage::new();
    stage.write("file", "");
    assert_eq!(
        stage
            .run("rmfile", arguments([("path", "file".into())]))
            .completed()
            .rc(),
        Some(0)
    );
    assert!(!stage.path("file").exists());
    let home = stage.basedir().join("home");
    std::fs::create_dir(&home).expect("home");
    std::fs::write(home.join("file"), "").expect("file");
    assert_eq!(
        stage
            .run("rmfile", arguments([("path", "~/file".into())]))
            .completed()
            .rc(),
        Some(0)
    );
    assert!(!home.join("file").exists());
}

#[test]
fn a_lost_connection_silences_what_cannot_be_interrupted() {
    use buildbot_worker::command::{CommandEvent, InterruptReason, Interrupts, Outbox, prepare};
    let stage = Stage::new();
    let command = prepare(
        "listdir",
        &arguments([("dir", "".into())]),
        stage.context.clone(),
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let (outbox, mut events) = Outbox::channel();
    let (interrupter, interrupts) = Interrupts::channel();
    interrupter.interrupt(InterruptReason::ConnectionLost);
    let heard: Option<CommandEvent> = crate::stage::on_runtime(async {
        command.run(outbox, interrupts).await;
        events.recv().await
    });
    assert!(heard.is_none(), "{heard:?}");
}

#[test]
fn nothing_is_below_a_file() {
    // Here Python's versions differ: up to 3.12 some give the file with a slash behind it.
    let stage = Stage::new();
    stage.write("file", "");
    assert_eq!(glob(&stage, "file/**").files(), Vec::<String>::new());
    assert_eq!(glob(&stage, "absent/**").files(), Vec::<String>::new());
}

fn glob(stage: &Stage, pattern: &str) -> Heard {
    stage
        .run("glob", arguments([("path", Value::from(pattern))]))
        .completed()
}

#[test]
fn patterns_find_what_python_finds() {
    let stage = Stage::new();
    for name in [
        "a.txt",
        "b.txt",
        "ab.txt",
        ".hidden",
        "[x]",
        "x",
        "a-b",
        "^",
        "!",
        "]",
        "back\\slash",
        "é",
        "sub/a.txt",
        "sub/deep/c.txt",
        "sub/.hid/d.txt",
        "sub/deep/er/e",
        "other/a.txt",
        ".dot/f",
        "new\nline",
    ] {
        stage.write(&format!("g/{name}"), "");
    }
    symlink("sub", stage.path("g/link")).expect("link");
    symlink("nowhere", stage.path("g/dangling")).expect("link");
    symlink("..", stage.path("g/sub/deep/er/up")).expect("link");
    std::fs::create_dir(stage.path("g/empty")).expect("directory");
    let patterns = [
        "*",
        "*.txt",
        "?.txt",
        "a*",
        "*b*",
        "**",
        "**/",
        "**/*",
        "**/*.txt",
        "*/",
        "*/*",
        "*/a.txt",
        "sub/**",
        "sub/**/",
        "sub/**/*.txt",
        "**/deep",
        "**/deep/**",
        "**/er/e",
        ".*",
        ".*/*",
        "sub/.hid/*",
        "**/.hid/*",
        "[ab].txt",
        "[!a].txt",
        "[^a].txt",
        "[a-b].txt",
        "[b-a].txt",
        "[!b-a].txt",
        "[[]x]",
        "[]]",
        "[!]]",
        "[",
        "[a",
        "[!",
        "[]",
        "[a-",
        "a[-]b",
        "a[--0]b",
        "a[a-]b",
        "x",
        "absent",
        "absent*",
        "absent/*",
        "a.txt/*",
        "*/absent",
        "link/*",
        "link/**",
        "dangling",
        "dang*",
        "dangling/*",
        "empty/*",
        "empty/**",
        "a**",
        "**a",
        "**.txt",
        "*/**/*",
        "**/**",
        "sub//*.txt",
        "sub/./*",
        "sub/../*.txt",
        "*/../*",
        "[^]",
        "[!!]",
        "[c-a-z]",
        "x*/",
        "a.txt/",
        "sub/",
        "sub/*/",
        "é",
        "?",
        "*\\*",
        "new*",
        "**/up/*",
        "***",
    ];
    let script = "import glob, json, sys\nprint(json.dumps([sorted(glob.glob(p, recursive=True)) for p in sys.argv[1:]]))";
    let absolute: Vec<String> = patterns
        .iter()
        .map(|pattern| stage.path_text(&format!("g/{pattern}")))
        .collect();
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(&absolute)
        .output()
        .expect("python3");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let expected: Vec<Vec<String>> = serde_json::from_str(&text).expect("json");
    assert_eq!(expected.len(), patterns.len());
    for (pattern, expected) in patterns.iter().zip(expected) {
        assert_eq!(
            glob(&stage, &format!("g/{pattern}")).files(),
            expected,
            "{pattern}"
        );
    }
}
