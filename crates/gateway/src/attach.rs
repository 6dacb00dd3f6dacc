//! What a worker is told when it arrives, and when its builders change.

use buildbot_wire::session::MasterRequest;

use crate::{CallError, Session, WorkerBuilder};

/// Replaces the builders of a worker.
pub(crate) async fn set_builders(
    session: &Session,
    builders: &[WorkerBuilder],
) -> Result<(), CallError> {
    let pairs = builders
        .iter()
        .map(|builder| (builder.name.clone(), builder.directory.clone()));
    let request = MasterRequest::SetBuilderList(pairs.collect());
    session.call(request).await.map(drop)
}
