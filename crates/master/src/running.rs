//! Builds and steps while they run: what effects of the engine mean for the worker, and what comes of it as events.

use std::sync::Arc;

use buildbot_data::{Pattern, Silence};
use buildbot_db::ReadError;
use buildbot_db::tables::builds;
use buildbot_engine::effect::{Interrupt, NotRun};
use buildbot_engine::event::{Event, Prepared, SessionId, StepEnd, StepPrepared};
use buildbot_model::{BuildId, Results, StepNumber, WorkerId, Write};
use buildbot_steps::{self as steps, Interruption, Next};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::build::Build;
use crate::custom;
use crate::plan;
use crate::port::StepPort;
use crate::shell::Shell;

/// What people read when the connection to the worker has gone.
const LOST: &str = "Lost connection";

/// Finds out what is built, asks the worker whether it is there, and tells it that the build starts.
pub(crate) async fn prepare_worker(
    shell: Arc<Shell>,
    id: BuildId,
    worker: WorkerId,
    session: SessionId,
) {
    let prepared = guarded_build(&shell, id, {
        let shell = shell.clone();
        async move { try_prepare(&shell, id, worker, session).await }
    });
    let (outcome, writes) = prepared
        .await
        .unwrap_or_else(|| (Prepared::SetupFailed, Vec::new()));
    shell.engine.answer(Event::WorkerPrepared {
        build: id,
        outcome,
        writes,
    });
}

async fn try_prepare(
    shell: &Arc<Shell>,
    id: BuildId,
    worker: WorkerId,
    session: SessionId,
) -> (Prepared, Vec<Write>) {
    let Some(build) = shell.builds.get(id) else {
        return (Prepared::SetupFailed, Vec::new());
    };
    if let Err(error) = build.set_up(shell).await {
        tracing::error!(build = %id, "Build.setupBuild failed: {error}");
        return (Prepared::SetupFailed, Vec::new());
    }
    let Some(session) = shell.workers.session(worker, session) else {
        return (Prepared::NotPinged, Vec::new());
    };
    build.attach(shell, session.clone());
    let writes: Vec<Write> = build.changed_properties(shell).await.into_iter().collect();
    if let Err(error) = session.ping().await {
        tracing::warn!(build = %id, worker = session.worker(), "ping failed: {error}");
        return (Prepared::NotPinged, writes);
    }
    if let Err(error) = session.start_build(&build.builder.name).await {
        tracing::warn!(build = %id, worker = session.worker(), "the build was not taken: {error}");
        return (Prepared::Refused, writes);
    }
    (Prepared::Ready, writes)
}

/// Renders the name of a step that has no row yet.
pub(crate) async fn name_step(shell: Arc<Shell>, id: BuildId, step: StepNumber, index: usize) {
    let named = guarded_build(&shell, id, {
        let shell = shell.clone();
        async move { try_name(&shell, id, step, index).await }
    });
    let name = match named.await {
        Some(Ok(name)) => Some(name.into()),
        Some(Err(error)) => {
            tracing::error!(build = %id, "the name of a step: {error}");
            None
        }
        None => None,
    };
    shell.engine.answer(Event::StepNamed {
        build: id,
        step,
        name,
    });
}

async fn try_name(
    shell: &Arc<Shell>,
    id: BuildId,
    step: StepNumber,
    index: usize,
) -> Result<String, String> {
    let (build, config, port) = open(shell, id, step, index)?;
    build.step_begins(step, port.clone());
    let name = steps::name(&config, &*port).await;
    name.map_err(|error| error.to_string())
}

/// Renders what a step is, and asks whether it runs.
pub(crate) async fn prepare_step(shell: Arc<Shell>, id: BuildId, step: StepNumber, index: usize) {
    let outcome = guarded_build(&shell, id, {
        let shell = shell.clone();
        async move {
            match prepare(&shell, id, step, index).await {
                Ok(outcome) => outcome,
                Err(error) => StepPrepared::Ended(broken(id, &error)),
            }
        }
    })
    .await
    .unwrap_or_else(|| StepPrepared::Ended(StepEnd::new(Results::Exception)));
    if matches!(outcome, StepPrepared::Ended(_))
        && let Some(build) = shell.builds.get(id)
    {
        build.step_ends(step);
    }
    shell.engine.answer(Event::StepPrepared {
        build: id,
        step,
        outcome,
    });
}

async fn prepare(
    shell: &Arc<Shell>,
    id: BuildId,
    step: StepNumber,
    index: usize,
) -> Result<StepPrepared, String> {
    let (build, config, port) = open(shell, id, step, index)?;
    build.step_begins(step, port.clone());
    let prepared = steps::prepare(config, &*port).await;
    if let Next::End(_) = prepared.next {
        let flags = prepared.flags;
        let end = prepared.run(&*port).await;
        return Ok(StepPrepared::Ended(ended(&port, flags, end).await));
    }
    let Some(locks) = plan::locks_of(&prepared.locks, &|id| build.object(id), &build.site) else {
        let shown = prepared.locks.repr(&build.site.description);
        return Err(format!("{shown} in locks is not a list of locks"));
    };
    let flags = plan::flags(prepared.flags);
    port.keep(prepared);
    Ok(StepPrepared::Run { flags, locks })
}

/// Runs a step, which has its locks.
pub(crate) async fn run_step(shell: Arc<Shell>, id: BuildId, step: StepNumber, index: usize) {
    let end = guarded_build(&shell, id, {
        let shell = shell.clone();
        async move {
            match prepared_port(&shell, id, step, index).await {
                Ok((port, prepared)) => {
                    let flags = prepared.flags;
                    let end = prepared.run(&*port).await;
                    ended(&port, flags, end).await
                }
                Err(error) => broken(id, &error),
            }
        }
    })
    .await;
    finish(&shell, id, step, end);
}

/// Ends a step that does not run.
pub(crate) async fn end_step(
    shell: Arc<Shell>,
    id: BuildId,
    step: StepNumber,
    index: usize,
    why: NotRun,
) {
    let end = guarded_build(&shell, id, {
        let shell = shell.clone();
        let results = why.results();
        async move {
            match prepared_port(&shell, id, step, index).await {
                Ok((port, prepared)) => {
                    let flags = prepared.flags;
                    let end = prepared.end(&*port, results).await;
                    ended(&port, flags, end).await
                }
                Err(error) => broken(id, &error),
            }
        }
    })
    .await;
    let end = end.map(|mut end| {
        end.results = why.results();
        end
    });
    finish(&shell, id, step, end);
}

/// Breaks a step off that is being prepared or runs, or that is about to: then it hears of it when it begins.
pub(crate) fn interrupt_step(shell: &Shell, id: BuildId, step: StepNumber, why: Interrupt) {
    let Some(build) = shell.builds.get(id) else {
        return;
    };
    let interruption = match why {
        Interrupt::Stopped(reason) => Interruption {
            reason: reason.to_string(),
            connection_lost: false,
        },
        Interrupt::Lost => Interruption {
            reason: LOST.to_owned(),
            connection_lost: true,
        },
    };
    build.interruptions.interrupt(step, interruption);
}

/// Why the end of a build was not seen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnseenEnd {
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("{0}")]
    Silence(#[from] Silence),
}

/// Waits until a build has ended. One that is not known has.
pub(crate) async fn finished(shell: &Shell, id: BuildId) -> Result<(), UnseenEnd> {
    // First, so that an end between the question and the answer is not missed.
    let mut events = shell.bus.subscriber();
    events.subscribe(Pattern::new(format!("builds/{id}/finished")));
    let read = shell
        .store
        .read(move |connection| builds::by_id(connection, id));
    let row = read.await?;
    if row.is_some_and(|row| row.complete_at.is_none()) {
        events.next().await?;
    }
    Ok(())
}

/// The logs of a build that has ended take nothing more.
pub(crate) async fn close_logs(build: Arc<Build>) {
    // First, for the process of a configuration may take its time.
    if let Err(error) = build.logs.close().await {
        tracing::error!(build = %build.id, %error, "while closing the logs of a build");
    }
    custom::forget(&build).await;
}

type Opened = (Arc<Build>, Arc<buildbot_config::StepConfig>, Arc<StepPort>);

/// The port of a step: that of its preparation, or a new one.
fn open(shell: &Arc<Shell>, id: BuildId, step: StepNumber, index: usize) -> Result<Opened, String> {
    let build = shell.builds.get(id).ok_or("the build is gone")?;
    let config = build.step_config(index).ok_or("the step is gone")?;
    let attached = build.attached().ok_or("the build has no worker")?;
    let port = StepPort::open(shell.clone(), build.clone(), attached, step);
    Ok((build, config, Arc::new(port)))
}

async fn prepared_port(
    shell: &Arc<Shell>,
    id: BuildId,
    step: StepNumber,
    index: usize,
) -> Result<(Arc<StepPort>, steps::Prepared), String> {
    let build = shell.builds.get(id).ok_or("the build is gone")?;
    if let Some(port) = build.step(step)
        && let Some(prepared) = port.take_prepared()
    {
        return Ok((port, prepared));
    }
    let (build, config, port) = open(shell, id, step, index)?;
    build.step_begins(step, port.clone());
    let prepared = steps::prepare(config, &*port).await;
    Ok((port, prepared))
}

/// A step has ended: what the engine is told.
async fn ended(port: &StepPort, flags: steps::Flags, end: steps::StepEnd) -> StepEnd {
    port.note_ended(flags, &end);
    StepEnd {
        results: end.results,
        hidden: end.hidden,
        summary: Some(end.summary.into()),
        build_summary: end.build_summary.map(Into::into),
        writes: port.end().await,
    }
}

/// A step could not even begin.
fn broken(id: BuildId, error: &str) -> StepEnd {
    tracing::error!(build = %id, "a step cannot be run: {error}");
    StepEnd {
        summary: Some("exception".into()),
        ..StepEnd::new(Results::Exception)
    }
}

fn finish(shell: &Shell, id: BuildId, step: StepNumber, end: Option<StepEnd>) {
    if let Some(build) = shell.builds.get(id) {
        build.step_ends(step);
    }
    shell.engine.answer(Event::CommandFinished {
        build: id,
        step,
        end: end.unwrap_or_else(|| StepEnd::new(Results::Exception)),
    });
}

/// As [`guarded`], for a build.
async fn guarded_build<T: Send + 'static>(
    shell: &Shell,
    id: BuildId,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let done = guarded(&shell.tasks, work).await;
    if done.is_none() {
        tracing::error!(build = %id, "a part of a build broke");
    }
    done
}

/// Does something in a task of its own, so that a fault of ours ends that, and not somebody's waiting for it. The task
/// ends with this future.
pub(crate) async fn guarded<T: Send + 'static>(
    tasks: &TaskTracker,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    match AbortOnDropHandle::new(tasks.spawn(work)).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "a task broke");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_breaks_is_told_apart_from_what_ends() {
        let tasks = TaskTracker::new();
        assert_eq!(guarded(&tasks, async { 1 }).await, Some(1));
        let broken = guarded(&tasks, async {
            assert!(tokio::task::try_id().is_none(), "on purpose");
        });
        assert_eq!(broken.await, None);
    }
}
