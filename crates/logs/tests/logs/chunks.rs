//! Logs in rows of `logchunks`.

use std::sync::Arc;

use buildbot_db::tables::log_chunks::{self, LogChunk};
use buildbot_db::tables::logs::{self, LogKind};
use buildbot_db::{Database, Reader, create};
use buildbot_logs::{Compression, LogReader, ReadError, append_chunks};
use buildbot_model::{LogId, StepId};

use crate::place::{Place, place, wait};

fn database(place: &Place) -> Arc<Database> {
    let path = place.directory.path().join("state.sqlite");
    create(&path).unwrap();
    Arc::new(Database::open(&path).unwrap())
}

/// A log in a step of a build. Foreign keys are off, as Buildbot has them, so the build itself may be missing.
fn log(database: &Database, kind: LogKind) -> LogId {
    let step = database.write(|connection| {
        buildbot_db::tables::steps::add(
            connection,
            crate::place::BUILD,
            buildbot_model::StepNumber(0),
            "step",
        )
    });
    let step: StepId = step.unwrap();
    database
        .write(move |connection| Ok(logs::add(connection, step, "stdio", kind)?.0))
        .unwrap()
}

fn append(database: &Database, log: LogId, first: i64, text: &str, way: Compression) -> i64 {
    let text = text.to_owned();
    database
        .write(move |connection| {
            let lines = append_chunks(connection, log, first, &text, way)?;
            logs::finish(connection, log, first + lines)?;
            Ok(lines)
        })
        .unwrap()
}

async fn reader(place: &Place, database: &Arc<Database>, log: LogId) -> LogReader {
    place
        .store
        .reader(database, Reader::Client, log)
        .await
        .unwrap()
        .unwrap()
}

#[test]
fn a_log_without_a_segment_is_read_from_logchunks_in_every_compression() {
    wait(async {
        let place = place();
        let database = database(&place);
        let log = log(&database, LogKind::Stdio);
        let mut first = 0;
        for way in Compression::ALL {
            let lines: String = (first..first + 5000)
                .map(|line| format!("o{line} and some more\n"))
                .collect();
            first += append(&database, log, first, &lines, way);
        }
        assert_eq!(first, 30_000);
        let reader = reader(&place, &database, log).await;
        let progress = reader.progress().await.unwrap();
        assert_eq!((progress.lines, progress.finished), (30_000, true));
        let all = reader.read_lines(0, u64::MAX).await.unwrap();
        assert_eq!(all.lines().count(), 30_000);
        for (number, line) in all.lines().enumerate() {
            assert_eq!(line, format!("o{number} and some more"));
        }
        let some = reader.read_lines(4_999, 5_000).await.unwrap();
        assert_eq!(some, "o4999 and some more\no5000 and some more\n");
        assert_eq!(reader.read_lines(30_000, 40_000).await.unwrap(), "");
    });
}

#[test]
fn a_line_too_long_for_a_row_is_kept_if_it_compresses_and_cut_if_not() {
    wait(async {
        let place = place();
        let database = database(&place);
        let log = log(&database, LogKind::Text);
        let mut random = fastrand::Rng::with_seed(3);
        let noise: String = (0..100_000).map(|_| random.alphanumeric()).collect();
        let same = "s".repeat(100_000);
        let text = format!("first\n{same}\n{noise}\nlast\n");
        assert_eq!(append(&database, log, 0, &text, Compression::Gz), 4);
        let reader = reader(&place, &database, log).await;
        let found = reader.read_lines(0, 3).await.unwrap();
        assert!(found == format!("first\n{same}\n{}\nlast\n", &noise[..65_535]));
    });
}

#[test]
fn a_damaged_row_is_an_error_that_names_it() {
    wait(async {
        let place = place();
        let database = database(&place);
        let log = log(&database, LogKind::Text);
        let check = async |first: i64, content: &'static [u8], compression, last, what: &str| {
            let chunk = LogChunk {
                first_line: first,
                last_line: last,
                content: Some(content.to_vec()),
                compression,
            };
            database
                .write(move |connection| log_chunks::add(connection, log, &chunk))
                .unwrap();
            let reader = reader(&place, &database, log).await;
            let line = u64::try_from(first).unwrap();
            let error = reader.read_lines(line, line).await.unwrap_err();
            assert!(matches!(error, ReadError::Chunk { .. }));
            assert!(error.to_string().contains(what), "{error}");
        };
        check(0, b"one", 9, 0, "compression 9 is unknown").await;
        check(1, b"no zlib", 1, 1, "row of logchunks with line 1").await;
        check(2, b"one\ntwo", 0, 5, "it has 2 lines and not 4").await;
    });
}

#[test]
fn a_log_past_the_horizon_is_empty_and_an_unknown_one_is_none() {
    wait(async {
        let place = place();
        let database = database(&place);
        let log = log(&database, LogKind::Deleted);
        let reader = reader(&place, &database, log).await;
        assert_eq!(reader.read_lines(0, u64::MAX).await.unwrap(), "");
        let unknown = place
            .store
            .reader(&database, Reader::Client, LogId(999))
            .await
            .unwrap();
        assert!(unknown.is_none());
    });
}
