//! `mkdir`, `rmdir` and `cpdir`.

use std::os::unix::fs::PermissionsExt;

use buildbot_wire::Value;

use crate::stage::{Stage, arguments, by_master, list};

#[test]
fn directories_are_made_with_their_parents() {
    let stage = Stage::new();
    let heard = stage
        .run("mkdir", arguments([("dir", "x/y/z".into())]))
        .completed();
    assert_eq!(heard.keys(), ["rc", "elapsed"]);
    assert_eq!(heard.rc(), Some(0));
    assert!(stage.path("x/y/z").is_dir());
    let again = stage.run(
        "mkdir",
        arguments([("dir", list(&["x/y/z", "other", "a/.."]))]),
    );
    assert_eq!(again.rc(), Some(0));
    assert!(stage.path("other").is_dir());
}

#[test]
fn over_msgpack_paths_are_absolute() {
    let stage = Stage::msgpack();
    let paths = list(&[&stage.path_text("one"), &stage.path_text("two/three")]);
    assert_eq!(
        stage
            .run("mkdir", arguments([("paths", paths.clone())]))
            .completed()
            .rc(),
        Some(0)
    );
    assert!(stage.path("one").is_dir() && stage.path("two/three").is_dir());
    assert_eq!(
        stage
            .run("rmdir", arguments([("paths", paths)]))
            .completed()
            .rc(),
        Some(0)
    );
    assert!(!stage.path("one").exists() && !stage.path("two/three").exists());
    assert_eq!(
        stage
            .refused("mkdir", &arguments([("dir", "x".into())]))
            .to_string(),
        "'paths'"
    );
}

#[test]
fn making_directories_stops_at_the_first_failure() {
    let stage = Stage::new();
    stage.write("file", "");
    let heard = stage
        .run("mkdir", arguments([("dir", list(&["file/x", "never"]))]))
        .completed();
    assert_eq!(heard.rc(), Some(20));
    let path = stage.path_text("file/x");
    assert_eq!(heard.header(), format!("mkdir: Not a directory: {path}\n"));
    assert!(!stage.path("never").exists());
    let heard = stage.run("mkdir", arguments([("dir", "file".into())]));
    assert_eq!(
        (
            heard.rc(),
            heard.header().starts_with("mkdir: File exists: ")
        ),
        (Some(17), true)
    );
}

#[test]
fn trees_are_removed_and_missing_ones_are_no_failure() {
    let stage = Stage::new();
    stage.write("tree/sub/file", "x");
    let dirs = list(&["tree", "absent"]);
    let heard = stage
        .run(
            "rmdir",
            arguments([("dir", dirs), ("logEnviron", false.into())]),
        )
        .completed();
    assert_eq!(heard.rc(), Some(0));
    assert_eq!(heard.keys(), ["header", "rc", "elapsed"]);
    let (tree, basedir) = (
        stage.path_text("tree"),
        stage.basedir().display().to_string(),
    );
    let header = format!(
        "rm -rf {tree}\n in dir {basedir} (timeout 120 secs)\n watching logfiles {{}}\n argv: [b'rm', b'-rf', \
         b'{tree}']\n using PTY: False\nelapsedTime="
    );
    assert!(heard.header().starts_with(&header), "{}", heard.header());
    assert!(!stage.path("tree").exists());
}

#[test]
fn trees_that_refuse_are_made_writable_and_removed_again() {
    let stage = Stage::new();
    // Root removes everything at once, so a stand-in refuses the first time.
    let tool = stage.write(
        "bin/rm",
        "#!/bin/sh\nif test -e mark; then exec /bin/rm \"$@\"; fi\necho no; touch mark; exit 1\n",
    );
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let bin = format!("{}:/usr/bin:/bin", stage.path_text("bin"));
    let mut stage = stage;
    stage.context.environ = std::sync::Arc::new(vec![("PATH".into(), bin.into())]);
    stage.write("tree/file", "x");
    let heard = stage
        .run("rmdir", arguments([("dir", "tree".into())]))
        .completed();
    assert_eq!(heard.rc(), Some(0));
    assert_eq!(heard.stdout(), "no\n");
    assert!(
        heard
            .header()
            .contains(&format!("chmod -Rf u+rwx {}\n", stage.path_text("tree")))
    );
    assert!(!stage.path("tree").exists());
}

/// A stand-in for a removal or copy that takes long.
fn with_slow(stage: Stage, program: &str) -> Stage {
    let tool = stage.write(
        &format!("bin/{program}"),
        "#!/bin/sh\necho started\nsleep 60\n",
    );
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let bin = format!("{}:/usr/bin:/bin", stage.path_text("bin"));
    let mut stage = stage;
    stage.context.environ = std::sync::Arc::new(vec![("PATH".into(), bin.into())]);
    stage
}

#[test]
fn removals_and_copies_obey_time_limits_and_interrupts() {
    for (name, program, pairs) in [
        ("rmdir", "rm", vec![("dir", Value::from("x"))]),
        (
            "cpdir",
            "cp",
            vec![("fromdir", "x".into()), ("todir", "y".into())],
        ),
    ] {
        let stage = with_slow(Stage::new().eager(), program);
        let args = |limit: (&str, Value)| {
            let pairs = pairs.iter().cloned().chain([limit]);
            Value::Dict(pairs.map(|(key, value)| (key.into(), value)).collect())
        };
        let heard = stage.run(name, args(("timeout", 0.2.into()))).completed();
        assert_eq!(
            (heard.rc(), heard.failure_reason()),
            (Some(-1), Some("timeout_without_output"))
        );
        let heard = stage.run(name, args(("maxTime", 0.2.into()))).completed();
        assert_eq!(
            (heard.rc(), heard.failure_reason()),
            (Some(-1), Some("timeout"))
        );
        let heard = stage
            .run_with(name, args(("timeout", 60.into())), |event, interrupter| {
                if crate::stage::says(event, "started") {
                    interrupter.interrupt(by_master());
                }
            })
            .completed();
        assert_eq!((heard.rc(), heard.failure_reason()), (Some(-1), None));
    }
}

#[test]
fn a_tree_is_copied_with_times_modes_and_links() {
    let stage = Stage::new();
    let file = stage.write("tree/sub/file", "content");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("mode");
    std::os::unix::fs::symlink("nowhere", stage.path("tree/link")).expect("link");
    let heard = stage
        .run(
            "cpdir",
            arguments([("fromdir", "tree".into()), ("todir", "new/copy".into())]),
        )
        .completed();
    assert_eq!(heard.rc(), Some(0));
    assert_eq!(
        heard.keys(),
        ["header", "stdout", "header", "rc", "elapsed"]
    );
    assert_eq!(stage.read("new/copy/sub/file"), "content");
    let copy = std::fs::metadata(stage.path("new/copy/sub/file")).expect("copy");
    let original = std::fs::metadata(file).expect("original");
    assert_eq!(copy.permissions().mode(), original.permissions().mode());
    assert_eq!(
        copy.modified().expect("time"),
        original.modified().expect("time")
    );
    assert_eq!(
        std::fs::read_link(stage.path("new/copy/link"))
            .expect("link")
            .to_str(),
        Some("nowhere")
    );
}

#[test]
fn a_copy_that_fails_says_so() {
    let stage = Stage::msgpack();
    let args = arguments([
        ("from_path", stage.path_text("absent").into()),
        ("to_path", stage.path_text("copy").into()),
    ]);
    let heard = stage.run("cpdir", args).completed();
    assert_eq!(heard.rc(), Some(1));
    assert!(heard.stderr().contains("absent"));
}
