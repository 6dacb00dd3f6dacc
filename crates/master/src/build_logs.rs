//! The logs of one build, from the first one to its end.

use buildbot_db::tables::logs::LogKind;
use buildbot_logs::{BuildLogs as Segment, Limits, LogStore, LogWriter, WriteError};
use buildbot_model::{BuildId, LogId};
use tokio::sync::Mutex;

/// The logs of one build.
#[derive(Debug, Default)]
pub(crate) struct BuildLogs(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// There is no file yet.
    #[default]
    NotBegun,
    Open(Segment),
    /// The build has ended. A step may outlive it, and must not begin another file in place of the one that is complete.
    Closed,
}

impl BuildLogs {
    /// Adds a log.
    ///
    /// # Errors
    ///
    /// When the build has ended.
    pub(crate) async fn add(
        &self,
        store: &LogStore,
        build: BuildId,
        log: LogId,
        kind: LogKind,
        limits: Limits,
    ) -> Result<LogWriter, WriteError> {
        let mut state = self.0.lock().await;
        match &*state {
            State::NotBegun => {
                let segment = store.begin(build)?;
                let writer = segment.add(log, kind, limits);
                *state = State::Open(segment);
                writer
            }
            State::Open(segment) => segment.add(log, kind, limits),
            State::Closed => Err(WriteError::Closed(build)),
        }
    }

    /// The build has ended: they take nothing more, and are durable.
    pub(crate) async fn close(&self) -> Result<(), WriteError> {
        let before = std::mem::replace(&mut *self.0.lock().await, State::Closed);
        match before {
            State::Open(segment) => segment.seal().await,
            State::NotBegun | State::Closed => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buildbot_logs::{Settings, Stream};

    const BUILD: BuildId = BuildId(7);

    fn limits() -> Limits {
        Limits {
            bytes_max: None,
            tail_bytes: None,
        }
    }

    #[tokio::test]
    async fn a_log_that_comes_after_the_end_of_the_build_leaves_the_others_as_they_are() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = LogStore::open(directory.path(), Settings::default()).expect("a store");
        let logs = BuildLogs::default();
        let add = |log| logs.add(&store, BUILD, LogId(log), LogKind::Stdio, limits());
        let writer = add(1).await.expect("a log");
        writer
            .append(Stream::Stdout, "a line\n")
            .await
            .expect("room");
        writer.finish().await.expect("an end");
        logs.close().await.expect("a seal");
        let before = std::fs::read(store.segment_path(BUILD)).expect("a file");
        assert!(matches!(add(2).await, Err(WriteError::Closed(BUILD))));
        logs.close().await.expect("closed already");
        let after = std::fs::read(store.segment_path(BUILD)).expect("a file");
        assert_eq!(before, after);
    }

    #[tokio::test]
    async fn a_build_that_ended_without_logs_gets_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = LogStore::open(directory.path(), Settings::default()).expect("a store");
        let logs = BuildLogs::default();
        logs.close().await.expect("nothing to close");
        let late = logs.add(&store, BUILD, LogId(1), LogKind::Stdio, limits());
        assert!(matches!(late.await, Err(WriteError::Closed(BUILD))));
        assert!(!store.segment_path(BUILD).exists());
    }
}
