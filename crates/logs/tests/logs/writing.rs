//! Bounds, ends and what goes wrong while logs are written.

use std::time::Duration;

use buildbot_db::tables::logs::LogKind;
use buildbot_logs::{Limits, LogStore, Settings, Stream, WriteError};
use buildbot_model::{BuildId, LogId};

use crate::place::{BUILD, LOG, all, open, place, settings, wait};

#[test]
fn lines_are_written_after_a_while_without_being_asked_for() {
    wait(async {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings {
            flush_after: Duration::from_millis(20),
            ..Settings::default()
        };
        let store = LogStore::open(directory.path(), settings).unwrap();
        let build = store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
        log.append(Stream::Stdout, "one\n").await.unwrap();
        while log.progress().stored == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Another process sees them.
        assert_eq!(all(&open(directory.path()), LOG).await, "oone\n");
    });
}

#[test]
fn what_is_left_when_the_store_ends_is_written() {
    wait(async {
        let directory = tempfile::tempdir().unwrap();
        {
            let store = LogStore::open(directory.path(), settings()).unwrap();
            let build = store.begin(BUILD).unwrap();
            let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
            log.append(Stream::Stdout, "one\n").await.unwrap();
        }
        let store = open(directory.path());
        assert_eq!(all(&store, LOG).await, "oone\n");
        let recovery = store.recover(BUILD).await.unwrap().unwrap();
        assert_eq!(recovery.logs[0].lines, 1);
        assert!(!recovery.logs[0].was_finished);
    });
}

#[test]
fn a_finished_log_and_a_sealed_build_take_nothing_more() {
    wait(async {
        let place = place();
        let build = place.store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
        assert_eq!(log.finish().await.unwrap(), 0);
        let refused = log.append(Stream::Stdout, "late\n").await;
        assert!(matches!(refused, Err(WriteError::Finished(LOG))));
        let refused = place.store.begin(BUILD);
        assert!(matches!(refused, Err(WriteError::Running(BUILD))));
        let other = build
            .add(LogId(8), LogKind::Text, Limits::default())
            .unwrap();
        build.seal().await.unwrap();
        let refused = other.append(Stream::Stdout, "late\n").await;
        assert!(matches!(refused, Err(WriteError::Closed(BUILD))));
    });
}

#[test]
fn a_build_without_logs_has_no_file() {
    wait(async {
        let place = place();
        place.store.begin(BUILD).unwrap().seal().await.unwrap();
        assert!(!place.store.segment_path(BUILD).exists());
        assert_eq!(place.store.recover(BUILD).await.unwrap(), None);
    });
}

#[test]
fn a_deleted_segment_is_gone_and_its_build_can_be_written_again() {
    wait(async {
        let place = place();
        for text in ["old\n", "new\n"] {
            let build = place.store.begin(BUILD).unwrap();
            let log = build.add(LOG, LogKind::Text, Limits::default()).unwrap();
            log.append(Stream::Stdout, text).await.unwrap();
            let refused = place.store.delete(BUILD).await;
            assert!(matches!(refused, Err(WriteError::Running(BUILD))));
            build.seal().await.unwrap();
            assert_eq!(all(&place.store, LOG).await, text);
            assert!(place.store.delete(BUILD).await.unwrap());
            assert!(!place.store.delete(BUILD).await.unwrap());
            let gone = place.store.segment_source(BUILD, LOG).await.unwrap();
            assert!(gone.is_none());
        }
    });
}

#[test]
fn a_segment_of_a_forgotten_build_is_put_aside() {
    wait(async {
        let place = place();
        for text in ["old\n", "new\n"] {
            let build = place.store.begin(BUILD).unwrap();
            let log = build.add(LOG, LogKind::Text, Limits::default()).unwrap();
            log.append(Stream::Stdout, text).await.unwrap();
            build.seal().await.unwrap();
        }
        assert_eq!(all(&place.store, LOG).await, "new\n");
        let aside = place.store.segment_path(BUILD).with_extension("replaced");
        assert!(aside.exists());
    });
}

#[test]
fn output_past_the_limit_is_left_out_and_its_tail_is_kept() {
    wait(async {
        let place = place();
        let limits = Limits {
            bytes_max: Some(10_000),
            tail_bytes: Some(1_000),
        };
        let build = place.store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, limits).unwrap();
        for number in 0..100_000 {
            log.append(Stream::Stdout, &format!("{number:08}\n"))
                .await
                .unwrap();
        }
        let lines = log.finish().await.unwrap();
        let text = all(&place.store, LOG).await;
        assert_eq!(text.lines().count() as u64, lines);
        assert_eq!(lines, 10_000 / 9 + 2 + 1_000 / 9);
        assert!(text.ends_with("o00099999\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('h')).count(), 2);
    });
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_that_names_it() {
    wait(async {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("log-segments"), "a file").unwrap();
        let store = open(directory.path());
        let build = store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
        log.append(Stream::Stdout, "one\n").await.unwrap();
        let error = log.finish().await.unwrap_err();
        assert!(error.to_string().contains("1234567.bblog"), "{error}");
        let again = log.append(Stream::Stdout, "two\n").await;
        assert!(matches!(again, Err(WriteError::File { .. })));
    });
}

#[test]
fn a_thousand_builds_write_at_once_within_a_small_budget() {
    wait(async {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings {
            waiting_bytes_max: 0,
            ..settings()
        };
        let store = LogStore::open(directory.path(), settings).unwrap();
        let text = "a line of output that says something\n".repeat(200);
        let builds: Vec<_> = (1..=1000)
            .map(|number| {
                let build = store.begin(BuildId(number)).unwrap();
                let log = build.add(LogId(number), LogKind::Stdio, Limits::default());
                (build, log.unwrap())
            })
            .collect();
        for _ in 0..5 {
            for (_, log) in &builds {
                log.append(Stream::Stdout, &text).await.unwrap();
            }
        }
        for (build, log) in builds {
            assert_eq!(log.progress().lines, 1000);
            build.seal().await.unwrap();
        }
        let source = store
            .segment_source(BuildId(1000), LogId(1000))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(source.progress().await.unwrap().lines, 1000);
    });
}
