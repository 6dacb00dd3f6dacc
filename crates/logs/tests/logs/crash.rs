//! Killed while it writes: what was acknowledged is there, and nothing is torn.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use buildbot_db::tables::logs::LogKind;
use buildbot_logs::{Limits, LogReader, LogStore, Settings, Stream};
use buildbot_model::{BuildId, LogId};

use crate::place::{open, wait};

const DIRECTORY: &str = "BUILDBOT_LOGS_CRASH_DIRECTORY";
const BUILDS: i64 = 3;
const KILLS: usize = 24;

fn line(build: i64, log: i64, number: u64) -> String {
    let length = (number * 7919 % 97) as usize;
    format!("{build} {log} {number} {}", "x".repeat(length))
}

/// The child: writes until it is killed, and says on its standard output what is durable.
#[test]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let settings = Settings {
        flush_after: Duration::from_millis(3),
        ..Settings::default()
    };
    let store = LogStore::open(Path::new(&directory), settings).unwrap();
    let mut out = std::io::stdout();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut log = 0;
        let builds: Vec<_> = (1..=BUILDS)
            .map(|build| store.begin(BuildId(build)).unwrap())
            .collect();
        loop {
            log += 1;
            for build in &builds {
                let id = build.build().0;
                let writer = build
                    .add(LogId(log), LogKind::Stdio, Limits::default())
                    .unwrap();
                let lines = fastrand::u64(1..3000);
                for number in 0..lines {
                    let text = line(id, log, number) + "\n";
                    writer.append(Stream::Stdout, &text).await.unwrap();
                    if fastrand::u32(..500) == 0 {
                        build.sync().await.unwrap();
                        writeln!(out, "durable {id} {log} {}", number + 1).unwrap();
                    }
                }
                if fastrand::bool() {
                    let lines = writer.finish().await.unwrap();
                    writeln!(out, "finished {id} {log} {lines}").unwrap();
                }
                out.flush().unwrap();
            }
        }
    });
}

fn round(kill_after: Duration) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writes_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        BufReader::new(out)
            .lines()
            .map_while(Result::ok)
            .collect::<Vec<_>>()
    });
    std::thread::sleep(kill_after);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = reader.join().unwrap();
    let facts: Vec<(bool, i64, i64, u64)> = said
        .iter()
        .filter_map(|said| {
            let mut words = said.split(' ');
            let finished = match words.next()? {
                "finished" => true,
                "durable" => false,
                _ => return None,
            };
            let mut number = || words.next()?.parse::<u64>().ok();
            Some((finished, number()? as i64, number()? as i64, number()?))
        })
        .collect();
    wait(check(directory.path(), &facts));
    facts.len()
}

async fn check(directory: &Path, facts: &[(bool, i64, i64, u64)]) {
    let store = open(directory);
    for build in 1..=BUILDS {
        let Some(recovery) = store.recover(BuildId(build)).await.unwrap() else {
            assert!(facts.iter().all(|fact| fact.1 != build));
            continue;
        };
        assert_eq!(recovery.damaged, []);
        for fact in facts.iter().filter(|fact| fact.1 == build) {
            let &(finished, _, log, lines) = fact;
            let found = recovery
                .logs
                .iter()
                .find(|found| found.log.0 == log)
                .unwrap();
            assert!(found.lines >= lines, "{fact:?} {found:?}");
            assert!(!finished || (found.was_finished && found.lines == lines));
        }
        for found in recovery.logs {
            let source = store
                .segment_source(BuildId(build), found.log)
                .await
                .unwrap()
                .unwrap();
            let text = LogReader::new(found.log, LogKind::Stdio, source)
                .read_lines(0, u64::MAX)
                .await
                .unwrap();
            let expected: String = (0..found.lines)
                .map(|number| format!("o{}\n", line(build, found.log.0, number)))
                .collect();
            assert!(text == expected, "build {build} {found:?}");
        }
    }
}

#[test]
fn a_killed_writer_leaves_what_it_acknowledged() {
    let mut facts = 0;
    for _ in 0..KILLS {
        facts += round(Duration::from_millis(fastrand::u64(20..250)));
    }
    assert!(facts > KILLS, "{facts}");
}
