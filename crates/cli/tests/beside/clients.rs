//! Commands that speak to running masters: both clients to both masters.

use std::fs;
use std::process::Command;

use crate::place::{Place, Side, compare, differences, venv};

/// Runs a line of a client, whichever master this is, and remembers what it says.
fn see_from(place: &mut Place, client: Side, line: &str) {
    let program = match client {
        Side::Ours => env!("CARGO_BIN_EXE_buildbot").into(),
        Side::Real => venv("buildbot"),
    };
    let output = place.command(&program, line).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).replace(&program.display().to_string(), "PROGRAM");
    let text = place.free(&text);
    // Below is a traceback, or what ours says in its place.
    let text = text
        .split_inclusive("change not sent:")
        .next()
        .unwrap_or_default();
    place.seen.push(format!(
        "$ {line}\n{text}\nexit code {:?}",
        output.status.code()
    ));
}

/// All four pairs see the same.
fn all_pairs(story: fn(&mut Place, Side)) {
    let others = [
        (Side::Ours, Side::Real),
        (Side::Ours, Side::Ours),
        (Side::Real, Side::Ours),
    ];
    pairs_like((Side::Real, Side::Real), &others, story);
}

/// Pairs of a master and a client see what a first one sees.
fn pairs_like(first: (Side, Side), others: &[(Side, Side)], story: fn(&mut Place, Side)) {
    let tell = |(master, client)| {
        let mut place = Place::new(master);
        place.has_try = true;
        place.make_master("");
        place.start();
        story(&mut place, client);
        let stopped = place.run("stop m");
        assert!(stopped.status.success(), "{stopped:?}");
        std::mem::take(&mut place.seen)
    };
    let expected = tell(first);
    for pair in others {
        let seen = tell(*pair);
        let differences = differences(&seen, &expected);
        assert!(
            differences.is_empty(),
            "master {:?}, client {:?}:\n{}",
            pair.0,
            pair.1,
            differences.join("\n")
        );
    }
}

#[test]
fn changes_are_sent() {
    all_pairs(|place, client| {
        place.write("revision", "r77");
        place.write("comments", "of a file\n\u{fc}ber");
        for line in [
            "sendchange -m 127.0.0.1:@PB@ -W Ann f g",
            "sendchange --master=127.0.0.1:@PB@ --who=Ann --repository=repo --project=p --branch=br --category=cat \
             --codebase=%0 --revision=r1 --property=a:1 -p b:x:y --comments=said --when=1234567.9 \
             --revlink=http://x/ --encoding=utf8 --vc=git dir/f",
            "sendchange -m 127.0.0.1:@PB@ -W Ann --revision_file=revision -F comments f",
            "sendchange -m 127.0.0.1:@PB@ -W Ann -c kept -F comments f",
            "sendchange -m 127.0.0.1:@PB@ -a change:changepw -W Ann -r 2 -R r -P p -b b -C c -l link -s hg",
            "sendchange -m 127.0.0.1:@PB@ -a change:wrong -W Ann f",
            "sendchange -m 127.0.0.1:@PB@ -a nobody:changepw -W Ann f",
            "sendchange -m 127.0.0.1:1 -W Ann f",
        ] {
            see_from(place, client, line);
        }
        place.see_rows(
            "m/state.sqlite",
            "SELECT changeid, author, comments, branch, revision, revlink, category, repository, codebase, project, \
             CASE WHEN when_timestamp < 2000000 THEN when_timestamp END FROM changes ORDER BY changeid",
        );
        place.see_rows(
            "m/state.sqlite",
            "SELECT changeid, filename FROM change_files ORDER BY 1, 2",
        );
        place.see_rows(
            "m/state.sqlite",
            "SELECT changeid, property_name, property_value FROM change_properties ORDER BY 1, 2",
        );
        place.see_rows(
            "m/state.sqlite",
            "SELECT attr_type, attr_data FROM users_info ORDER BY 1, 2",
        );
    });
}

/// The client of 4.3.0 takes its password for bytes, and fails before it asks anything: both masters are asked by ours.
#[test]
fn users_are_managed() {
    let ours = [(Side::Ours, Side::Ours)];
    pairs_like((Side::Real, Side::Ours), &ours, |place, client| {
        const LOGIN: &str = "user -m 127.0.0.1:@USERS@ -u admin -p adminpw";
        for line in [
            "--op=add --info=git=Ann%20<ann@example.org>",
            "--op=add --info=email=bob@example.org,git=bob,svn=bobby --info=hg=carl",
            "--op=get --ids=bob",
            "--op=get --ids=bob@example.org,nobody,carl",
            "--op=add --info=git=bob",
            "--op=add --info=identifier=dora,git=dora2,cvs=d",
            "--op=get --ids=dora",
            "--op=update --info=dora:git=dora3,darcs=dd",
            "--op=update --info=carl:git=bob",
            "--op=update --info=nobody:git=n",
            "--op=update --bb_username=dora --bb_password=sesame --info=dora:bzr=z",
            "--op=update --info=nobody",
            "--op=get --ids=carl,dora --ids=bob",
            "--op=remove --ids=bob@example.org",
            "--op=remove --ids=nobody,carl",
            "--op=get --ids=carl",
        ] {
            see_from(place, client, &format!("{LOGIN} {line}"));
        }
        for line in [
            "user -m 127.0.0.1:@USERS@ -u admin -p wrong --op=get --ids=x",
            "user -m 127.0.0.1:@USERS@ -u nobody -p adminpw --op=get --ids=x",
        ] {
            // The reference ends with 0.
            let output = place.run(line);
            place.see_text(
                line,
                format!("{} {}", output.stdout.is_empty(), output.stderr.is_empty()),
            );
        }
        place.see_rows(
            "m/state.sqlite",
            "SELECT uid, identifier, bb_username, length(bb_password) FROM users ORDER BY uid",
        );
        place.see_rows(
            "m/state.sqlite",
            "SELECT uid, attr_type, attr_data FROM users_info ORDER BY 1, 2",
        );
    });
}

/// A working tree with a change in it.
fn make_tree(place: &Place) {
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args([
                "-c",
                "user.name=x",
                "-c",
                "user.email=x@x",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(place.path("tree"))
            .env("GIT_AUTHOR_DATE", "1700000000 +0000")
            .env("GIT_COMMITTER_DATE", "1700000000 +0000")
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    fs::create_dir_all(place.path("tree")).unwrap();
    git(&["init", "-q"]);
    git(&["symbolic-ref", "HEAD", "refs/heads/master"]);
    place.write("tree/f", "one\n");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "x"]);
    place.write("tree/f", "two\n");
}

fn try_from(place: &mut Place, client: Side, line: &str) {
    let program = match client {
        Side::Ours => env!("CARGO_BIN_EXE_buildbot").into(),
        Side::Real => venv("buildbot"),
    };
    let tree = place.path("tree");
    let output = place
        .command(&program, line)
        .current_dir(tree)
        .output()
        .unwrap();
    let text = place.free(&String::from_utf8_lossy(&output.stdout));
    // How often the builds are looked at depends on their speed.
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| {
            !line.is_empty()
                && !line.starts_with("b: building")
                && !line.starts_with("b: wait")
                && !line.starts_with("b: no build")
                && !line.contains("worker_preparation")
        })
        .collect();
    place.seen.push(format!(
        "$ {line}\n{}\nexit code {:?}",
        lines.join("\n"),
        output.status.code()
    ));
}

/// Each client sees the same of both masters. The clients themselves differ: that of 4.3.0 shows a patch as Python writes
/// bytes, and ends well when the scheduler does not have a builder.
#[test]
fn jobs_are_tried() {
    for client in [Side::Real, Side::Ours] {
        pairs_like(
            (Side::Real, client),
            &[(Side::Ours, client)],
            jobs_are_tried_by,
        );
    }
}

fn jobs_are_tried_by(place: &mut Place, client: Side) {
    make_tree(place);
    place.write(
        "patch",
        "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+three \u{fc}\n",
    );
    // What runs on the other side of ssh: its last argument is there a command of a shell.
    let program = match client {
        Side::Ours => env!("CARGO_BIN_EXE_buildbot").to_owned(),
        Side::Real => venv("buildbot").display().to_string(),
    };
    place.write_program(
        "ssh",
        "#!/bin/sh\necho \"$@\" >> @DIRECTORY@/ssh.log\n\
             while test \"$1\" != host; do shift; done\nshift\nexec \"$@\"\n",
    );
    const PB: &str = "try -c pb -m 127.0.0.1:@TRY@ -u ann --passwd=secret --vc=git";
    let ssh = format!(
        "try -c ssh --host=host --ssh=@DIRECTORY@/ssh --jobdir=@DIRECTORY@/m/jobs -u ann --buildbotbin={program} --vc=git"
    );
    for line in [
        format!("{PB} --get-builder-names"),
        format!("{PB} -b b"),
        format!("{PB} -b b --wait -C why -w Ann --properties=x=1,y=2 --property=z=3"),
        format!("{PB} -b nosuch"),
        format!("{PB} -b b --dryrun"),
        format!("{PB} -b b -q --wait"),
        format!(
            "{PB} -b b --diff=../patch -p 1 --baserev=abc --branch=br --repository=repo --wait"
        ),
        format!("{PB} -b b --branch=master --wait"),
        "try -c pb -m 127.0.0.1:@TRY@ -u ann --passwd=secret --vc=none -b b --wait".to_owned(),
        format!("{ssh} -b b"),
        format!("{ssh} -b b --wait"),
        format!("{ssh} -b b --dryrun"),
        format!("{ssh} --get-builder-names"),
    ] {
        try_from(place, client, &line);
        if let Some(last) = place.seen.last_mut() {
            *last = last.replace(&program, "PROGRAM");
        }
    }
    let log = fs::read_to_string(place.path("ssh.log"))
        .unwrap()
        .replace(&program, "PROGRAM");
    place.see_text("ssh", log);
    place.await_rows(
        "SELECT count(*) FROM buildrequests WHERE complete = 1",
        |rows| rows == ["Integer(8)"],
    );
    place.see_rows("m/state.sqlite", "SELECT reason FROM buildsets ORDER BY id");
    place.see_rows(
            "m/state.sqlite",
            "SELECT patchlevel, patch_base64, patch_author, patch_comment, subdir FROM patches ORDER BY id",
        );
    place.see_rows(
            "m/state.sqlite",
            "SELECT coalesce(branch, ''), coalesce(revision, ''), repository, project, codebase, patchid IS NULL \
             FROM sourcestamps ORDER BY id",
        );
    place.see_rows(
        "m/state.sqlite",
        "SELECT buildsetid, property_name, property_value FROM buildset_properties ORDER BY 1, 2",
    );
}

#[test]
fn a_job_arrives_as_a_file() {
    compare(|place| {
        fs::create_dir_all(place.path("jobs/tmp")).unwrap();
        fs::create_dir_all(place.path("jobs/new")).unwrap();
        let mut command = place.command(&place.program(), "tryserver --jobdir=jobs");
        let job = fs::File::open({
            place.write("job", "1:5,2:{},");
            place.path("job")
        });
        let output = command.stdin(job.unwrap()).output().unwrap();
        place.note("tryserver", &output);
        let names: Vec<_> = fs::read_dir(place.path("jobs/new"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        place.see_text("jobs", names.len());
        for entry in names {
            let text = fs::read_to_string(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            let (time, digest) = name.split_once('-').unwrap();
            assert!(time.parse::<f64>().is_ok(), "{name}");
            place.see_text(digest, text);
        }
        place.see_text("tmp", fs::read_dir(place.path("jobs/tmp")).unwrap().count());
    });
}
