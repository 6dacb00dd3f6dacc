//! What `buildbot try` finds in working trees: each system for version control is a program that notes how it is called and
//! answers as written here, so that the calls and the jobs of both clients can be compared.
//!
//! The client of 4.3.0 writes some revisions as Python shows bytes, `b'42'`, which no repository knows; that is taken off. It
//! waits for ever in trees of Bazaar and Perforce.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::place::{Place, Side, compare};

/// All of them, and ssh, which keeps the job that it is to bring.
const PROGRAM: &str = r#"#!/bin/sh
name=$(basename "$0")
now='s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/NOW/'
echo "$name $* | LC_ALL=$LC_ALL | $(pwd)" | sed -E "$now" >> @DIRECTORY@/calls
case "$name $*" in
"ssh "*) cat > @DIRECTORY@/job ;;
"cvs -q diff "*) printf -- '--- f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n'; exit 1 ;;
"svn status -u") test -e @DIRECTORY@/broken && exit 1
    printf 'M       5   f\n        7   Status against revision:  3\nStatus against revision:     42\n' ;;
"svn diff "*) printf 'Index: f\n--- f\n+++ f\n' ;;
"bzr revision-info "*) printf '12 ann@example.org-2020\n' ;;
"bzr diff "*) printf '=== modified file f\n'; exit 1 ;;
"hg log "*outgoing*) test -e @DIRECTORY@/broken && exit 255
    printf '0123456789012345678901234567890123456789\n' ;;
"hg log "*) printf 'abcdefabcdefabcdefabcdefabcdefabcdefabcd\n' ;;
"hg diff "*) printf 'diff -r 0 f\n' ;;
"p4 changes "*) printf 'Change 77 on 2020/01/01 by ann@here\n' ;;
"p4 diff") printf '==== //depot/br/dir/f.c#3 - /tree/dir/f.c ====\n@@ -1 +1 @@\n-a\n+b\n==== //depot/other/g#1 - /tree/g ====\n' ;;
"darcs changes "*) printf '\nContext:\n\n[a patch\nann**2020\n] \n' ;;
"darcs diff "*) printf 'diff -rN -u old/f new/f\n' ;;
"mtn automate "*) printf '0123456789012345678901234567890123456789\n' ;;
"mtn diff") test -e @DIRECTORY@/empty || printf '#\n# patch f\n' ;;
"git branch "*) cat @DIRECTORY@/branches ;;
"git config -l") printf 'branch.work.remote=origin\nbranch.work.merge=refs/heads/main\nbranch.near.remote=.\n'
    printf 'branch.near.merge=refs/heads/work\n' ;;
"git config branch.work.remote") printf 'origin\n' ;;
"git config branch.work.merge") printf 'refs/heads/main\n' ;;
"git config branch.near.remote") printf '.\n' ;;
"git config branch.near.merge") printf 'refs/heads/work\n' ;;
"git config "*) exit 1 ;;
"git remote") printf 'origin\nother\n' ;;
"git rev-parse "*nosuch*) exit 128 ;;
"git rev-parse "*) printf 'fedcbafedcbafedcbafedcbafedcbafedcbafedc\n' ;;
"git diff "*) printf 'diff --git a/f b/f\n' ;;
*) echo "unknown: $name $*" >&2; exit 2 ;;
esac
"#;

const SYSTEMS: [&str; 9] = [
    "bzr", "cvs", "darcs", "git", "hg", "mtn", "p4", "ssh", "svn",
];

const NODE: &str = "0123456789012345678901234567890123456789";

fn make_tree(place: &mut Place) {
    fs::create_dir_all(place.path("bin")).unwrap();
    fs::create_dir_all(place.path("tree/below/deeper")).unwrap();
    place.write("tree/top", "");
    for name in SYSTEMS {
        place.write_program(&format!("bin/{name}"), PROGRAM);
    }
    branches(place, &format!("  main {NODE}\n* work {NODE} a comment\n"));
    let path = format!("{}:/usr/bin:/bin", place.path("bin").display());
    place.variables.push(("PATH".into(), path.into()));
}

fn branches(place: &Place, text: &str) {
    place.write("branches", text);
}

/// Tries from a directory of the tree, and gives the job that is sent, if one is.
fn tried(place: &mut Place, directory: &str, line: &str) -> Option<Map<String, Json>> {
    for name in ["calls", "job"] {
        drop(fs::remove_file(place.path(name)));
    }
    let line = format!("try -c ssh --host=h --jobdir=j -u ann --who=Ann -b b {line}");
    // A failure in its own code makes the real one wait for ever.
    let bounded = format!("120 {} {line}", place.program().display());
    let mut command = place.command(Path::new("timeout"), &bounded);
    let output = command.current_dir(place.path(directory)).output().unwrap();
    place.note(&line, &output);
    if let Some(seen) = place.seen.last_mut() {
        *seen = without_bytes(seen).replace("\n\nexit", "\nexit");
    }
    let job = fs::read_to_string(place.path("job")).ok()?;
    assert!(job.starts_with("1:5,"), "{job}");
    let mut fields: Map<String, Json> =
        serde_json::from_str(&job[job.find('{')?..=job.rfind('}')?]).unwrap();
    assert!(fields.remove("jobid").is_some(), "{job}");
    Some(fields)
}

/// The same text without Python's marks of bytes.
fn without_bytes(text: &str) -> String {
    text.replace("b'", "")
        .replace('\'', "")
        .replace("\\n", "\n")
}

fn calls(place: &Place) -> String {
    fs::read_to_string(place.path("calls")).unwrap_or_default()
}

/// What is said, the calls of the programs, and the job.
fn see_try(place: &mut Place, directory: &str, line: &str) {
    let mut job = tried(place, directory, line);
    if !line.contains("git") {
        place.see_text("calls", without_bytes(&calls(place)));
    }
    if let Some(revision) = job.as_mut().and_then(|job| job.get_mut("baserev")) {
        let mut text = without_bytes(revision.as_str().unwrap());
        if line.contains("cvs") {
            let form = text.replace(|character: char| character.is_ascii_digit(), "0");
            assert_eq!(form, "0000-00-00 00:00:00 +0000");
            text = form;
        }
        *revision = text.trim_end().into();
    }
    place.see_text("job", Json::from(job));
}

#[test]
fn trees_of_every_system_are_tried() {
    compare(|place| {
        make_tree(place);
        for line in [
            "--vc=svn --topdir=@DIRECTORY@/tree",
            "--vc=svn --topfile=top --branch=trunk",
            "--vc=svn --topfile=top --repository=http://svn/",
            "--vc=cvs --topfile=top",
            "--vc=cvs --topdir=.",
            "--vc=hg",
            "--vc=hg --repository=http://hg/ --branch=stable",
            "--vc=darcs",
            "--vc=darcs --branch=br",
            "--vc=mtn",
            "--vc=none",
            "--vc=git",
            "--vc=git --branch=origin/main",
            "--vc=git --branch=other",
            "--vc=git --repository=git://x -q",
        ] {
            see_try(place, "tree/below/deeper", line);
        }
        for name in ["near", "alone"] {
            branches(place, &format!("* {name} {NODE} a comment\n"));
            see_try(place, "tree", "--vc=git");
        }
        place.write("empty", "");
        see_try(place, "tree", "--vc=mtn");
    });
}

#[test]
fn trees_that_the_real_client_cannot_try() {
    let mut place = Place::new(Side::Ours);
    make_tree(&mut place);
    let mut try_it = |line: &str| {
        let job = tried(&mut place, "tree", line).unwrap();
        let text = |name: &str| job[name].as_str().unwrap().to_owned();
        let calls = calls(&place);
        let calls: Vec<String> = calls
            .lines()
            .filter_map(|call| Some(call.split_once(" | LC_ALL=C | ")?.0.to_owned()))
            .collect();
        (text("branch"), text("baserev"), text("patch_body"), calls)
    };
    let (branch, revision, patch, calls) = try_it("--vc=bzr --branch=br");
    assert_eq!([&branch, &revision], ["br", "revid:ann@example.org-2020"]);
    assert_eq!(patch, "=== modified file f\n");
    assert_eq!(
        calls,
        [
            "bzr revision-info -rsubmit:",
            "bzr diff -rrevid:ann@example.org-2020.."
        ]
    );
    let (branch, revision, patch, calls) = try_it("--vc=p4 --branch=br");
    assert_eq!([&branch, &revision], ["br", "77"]);
    assert_eq!(
        patch,
        "--- dir/f.c#3\n+++ dir/f.c\n@@ -1 +1 @@\n-a\n+b\n==== //depot/other/g#1 - /tree/g ====\n"
    );
    assert_eq!(calls, ["p4 changes -m1 ...", "p4 diff"]);
}

#[test]
fn a_tree_of_mercurial_without_an_upstream_is_compared_with_its_parent() {
    let mut place = Place::new(Side::Ours);
    make_tree(&mut place);
    place.write("broken", "");
    let job = tried(&mut place, "tree", "--vc=hg").unwrap();
    assert_eq!(job["baserev"], "abcdefabcdefabcdefabcdefabcdefabcdefabcd");
}

#[test]
fn trees_that_cannot_be_tried() {
    compare(|place| {
        make_tree(place);
        for line in [
            "--vc=svn",
            "--vc=svn --topfile=nosuch",
            "--vc=cvs --topfile=top --branch=br",
            "--vc=rcs",
            "",
        ] {
            see_try(place, "tree/below", line);
        }
        branches(place, "* (HEAD detached at 1234) 1234 a comment\n");
        see_try(place, "tree", "--vc=git");
        fs::remove_file(place.path("bin/mtn")).unwrap();
        see_try(place, "tree", "--vc=mtn");
    });
}
