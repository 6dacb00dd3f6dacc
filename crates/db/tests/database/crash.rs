//! Nothing that was answered is lost, whenever the process dies.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use buildbot_db::tables::{build_requests, builds, buildsets, masters, steps};
use buildbot_db::{Database, Verdict, create};
use buildbot_model::{BuildId, BuildNumber, BuildRequestId, Results, StepNumber};

use crate::place::{NOW, add_nouns, file};

/// How often the process is killed.
const KILLS: usize = 60;

/// Names the directory of the database to the process that is killed.
const DIRECTORY: &str = "BUILDBOT_DB_TEST_CRASH";

/// The process that is killed: it writes without end, and says what is durable.
#[test]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let path = file(&PathBuf::from(directory));
    // May be the first to do so, and be killed while it does.
    create(&path).unwrap();
    let database = Database::open(&path).unwrap();
    let nouns = database.write(add_nouns).unwrap();
    let (answer, answers) = std::sync::mpsc::channel();
    let mut out = std::io::stdout();
    let mut waiting = 0;
    loop {
        while waiting < 40 {
            let answer = answer.clone();
            let work = move |connection: &_| {
                let (_, requests) = buildsets::add(
                    connection,
                    &buildsets::NewBuildset {
                        external_id: None,
                        reason: "crash",
                        submitted_at: NOW,
                        parent_build: None,
                        parent_relationship: None,
                        rebuilt_build: None,
                        properties: &<_>::default(),
                    },
                    [nouns.source_stamp],
                    buildsets::NewRequests {
                        priority: 0,
                        waited_for: false,
                    },
                    [nouns.builder],
                )?;
                let request = requests[0];
                build_requests::claim(connection, request, nouns.master, NOW)?;
                let new = builds::NewBuild {
                    builder: nouns.builder,
                    request,
                    worker: Some(nouns.worker),
                    master: nouns.master,
                    at: NOW,
                };
                let (build, number) = builds::add(connection, new)?;
                let step = steps::add(connection, build, StepNumber(0), "shell")?;
                steps::start(connection, step, NOW)?;
                Ok(Verdict::Keep((request, build, number)))
            };
            database.submit(work, move |outcome| answer.send(outcome.unwrap()).unwrap());
            waiting += 1;
        }
        let (request, build, number) = answers.recv().unwrap();
        waiting -= 1;
        writeln!(out, "durable {request} {build} {number}").unwrap();
        out.flush().unwrap();
    }
}

/// What one process said before it was killed.
fn killed_after(directory: &Path, life: Duration) -> Vec<(BuildRequestId, BuildId, BuildNumber)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writes_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.filter_map(|line| parse(&line)).collect()
    });
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// A whole line: the last one may be cut.
fn parse(line: &str) -> Option<(BuildRequestId, BuildId, BuildNumber)> {
    let mut words = line.strip_prefix("durable ")?.split(' ');
    let mut next = || words.next()?.parse().ok();
    Some((
        BuildRequestId(next()?),
        BuildId(next()?),
        BuildNumber(next()?),
    ))
}

#[test]
fn nothing_that_was_answered_is_missing_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    let mut random = fastrand::Rng::with_seed(4);
    let mut said = Vec::new();
    let mut lives_with_writes = 0;
    for _ in 0..KILLS {
        let life = Duration::from_millis(random.u64(5..250));
        let durable = killed_after(directory.path(), life);
        lives_with_writes += usize::from(!durable.is_empty());
        said.extend(durable);
        check_file(&path);
    }
    assert!(
        lives_with_writes * 2 > KILLS,
        "only {lives_with_writes} of {KILLS} processes lived long enough to write"
    );

    let database = Database::open(&path).unwrap();
    let count = said.len();
    let master = database.write(add_nouns).unwrap().master;
    let check = said.clone();
    database
        .read(move |connection| {
            for (request, build, number) in check {
                let found = builds::by_id(connection, build)?.unwrap();
                assert_eq!((found.request, found.number), (request, number));
                assert_eq!(steps::of_build(connection, build)?.len(), 1);
                let claim = build_requests::by_id(connection, request)?.unwrap().claim;
                assert_eq!(claim, Some((master, NOW)));
            }
            Ok(())
        })
        .unwrap();

    // The next master ends what the killed ones began, and builds their requests again.
    let interrupted = database
        .write(move |connection| masters::clean_up(connection, master, NOW))
        .unwrap();
    assert!(interrupted.len() >= count);
    let last = said[count - 1].1;
    database
        .read(move |connection| {
            assert_eq!(
                build_requests::waiting(connection)?.len(),
                interrupted.len()
            );
            let build = builds::by_id(connection, last)?.unwrap();
            assert_eq!(build.results, Some(Results::Retry));
            let step = &steps::of_build(connection, last)?[0];
            assert_eq!(step.results, Some(Results::Retry));
            Ok(())
        })
        .unwrap();
}

/// SQLite finds nothing wrong in the file, if it has been made at all.
fn check_file(path: &Path) {
    if !path.exists() {
        return;
    }
    let connection = rusqlite::Connection::open(path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA quick_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}
