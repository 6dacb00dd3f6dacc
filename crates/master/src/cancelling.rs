//! Requests that nobody needs any more: `OldBuildCanceller` and `FailingBuildsetCanceller` hear what happens.
//!
//! They decide at once, under a lock of their own, on the thread that tells them; what they want is told to the engine.

use std::sync::{Mutex, MutexGuard, PoisonError};

use buildbot_engine::{Engine, Event};
use buildbot_model::BuildRequest;
use buildbot_schedulers::{Cancellers, Happened, NewSourceStamp, TrackedRequest};

use crate::engine_thread::EngineInbox;
use crate::shell::Shell;
use crate::site::Site;

/// All cancellers of this master.
#[derive(Debug, Default)]
pub(crate) struct Cancelling(Mutex<Cancellers>);

impl Cancelling {
    fn lock(&self) -> MutexGuard<'_, Cancellers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody needs to know anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Something happened. Requests that are not needed any more are cancelled.
    pub(crate) fn tell(&self, engine: &EngineInbox, happened: Happened) {
        cancel(engine, self.lock().handle(happened));
    }
}

fn cancel(engine: &EngineInbox, unneeded: Vec<buildbot_schedulers::Cancellation>) {
    for cancellation in unneeded {
        let request = cancellation.request;
        tracing::info!(%request, "cancelled: {}", cancellation.reason);
        engine.answer(Event::RequestCancelled {
            request,
            reason: cancellation.reason.into(),
        });
    }
}

/// The cancellers of a configuration take over. This happens on the engine's thread, between two facts: all requests
/// that are not complete are theirs, and of what comes later they are told.
pub(crate) async fn configure(shell: &std::sync::Arc<Shell>, site: &std::sync::Arc<Site>) {
    // They were good when the configuration was loaded.
    let new = Cancellers::read(&site.config.services, &site.description).unwrap_or_default();
    if new.is_empty() && shell.cancelling.is_empty() {
        return;
    }
    let (taking, site) = (shell.clone(), site.clone());
    let take_over = move |engine: &Engine| {
        let incomplete = engine.requests().map(|row| tracked(&site, row));
        let unneeded = taking.cancelling.lock().replace(new, incomplete);
        cancel(&taking.engine, unneeded);
    };
    // An engine that has ended needs none.
    let _ = shell.engine.look(take_over).await;
}

/// A request as cancellers see it. One of a builder that is configured no more belongs to none of their builders.
pub(crate) fn tracked(site: &Site, row: &BuildRequest) -> TrackedRequest {
    let builder = site.builder(row.builder);
    let stamps = row.source_stamps.iter();
    TrackedRequest {
        id: row.id,
        buildset: row.buildset,
        builder: builder.map_or_else(String::new, |builder| builder.name.clone()),
        source_stamps: stamps
            .map(|stamp| NewSourceStamp {
                branch: stamp.branch.clone(),
                revision: stamp.revision.clone(),
                repository: stamp.repository.clone(),
                project: stamp.project.clone(),
                codebase: stamp.codebase.clone(),
                patch: None,
            })
            .collect(),
    }
}
