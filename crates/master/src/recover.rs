//! What a killed master left of logs: their rows say what the segments hold.

use buildbot_db::tables::logs;
use buildbot_logs::LogStore;
use buildbot_model::BuildId;

use crate::store::Store;

/// Makes the logs of builds whole that an earlier run had not ended.
pub(crate) async fn logs(store: &Store, segments: &LogStore, builds: Vec<BuildId>) {
    for build in builds {
        let recovery = match segments.recover(build).await {
            Ok(Some(recovery)) => recovery,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!(%build, %error, "the logs of a build that was running are lost");
                continue;
            }
        };
        for lost in &recovery.damaged {
            tracing::error!(%build, "bytes {} to {} of its logs are lost", lost.start, lost.end);
        }
        let found: Vec<_> = recovery
            .logs
            .iter()
            .map(|log| (log.log, log.lines))
            .collect();
        let rows = store.note("writing down what logs hold", move |connection| {
            for (log, lines) in &found {
                logs::finish(connection, *log, i64::try_from(*lines).unwrap_or(i64::MAX))?;
            }
            Ok(())
        });
        rows.await;
    }
}
