//! A store in a directory of its own.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use buildbot_db::tables::logs::LogKind;
use buildbot_logs::{LogReader, LogStore, Settings};
use buildbot_model::{BuildId, LogId};

pub(crate) const BUILD: BuildId = BuildId(1_234_567);
pub(crate) const LOG: LogId = LogId(7);

pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) store: LogStore,
}

pub(crate) fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    Place { directory, store }
}

pub(crate) fn open(directory: &Path) -> LogStore {
    LogStore::open(directory, settings()).unwrap()
}

/// So that a test decides when something is written: with a wish, or with much text.
pub(crate) fn settings() -> Settings {
    Settings {
        flush_after: Duration::from_secs(3600),
        ..Settings::default()
    }
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(async {
            let limit = Duration::from_secs(60);
            tokio::time::timeout(limit, future).await.unwrap()
        })
}

impl Place {
    pub(crate) async fn reader(&self, log: LogId) -> LogReader {
        reader(&self.store, log).await
    }
}

pub(crate) async fn reader(store: &LogStore, log: LogId) -> LogReader {
    let source = store.segment_source(BUILD, log).await.unwrap();
    LogReader::new(
        log,
        LogKind::Stdio,
        source.expect("the log is in the segment"),
    )
}

pub(crate) async fn all(store: &LogStore, log: LogId) -> String {
    reader(store, log)
        .await
        .read_lines(0, u64::MAX)
        .await
        .unwrap()
}
