//! What has become true and durable is told: events of the realtime interfaces, schedulers, whoever waits.

use buildbot_data::{BuildVerb, Event as BusEvent, RequestVerb, StepVerb, WorkerVerb};
use buildbot_db::tables::steps;
use buildbot_engine::Fact;
use buildbot_model::{BuildId, BuildRequestId, Results, StepNumber, Transaction, Write};
use buildbot_schedulers::Input;

use crate::hands::ShellHands;
use crate::shell::Shell;
use crate::submissions::Submitted;

/// Tells a fact.
pub(crate) fn announce(hands: &mut ShellHands, fact: Fact) {
    let shell = hands.shell.clone();
    match fact {
        Fact::BuildsetAdded {
            submission,
            buildset,
            requests,
            ..
        } => {
            let Some(submission) = shell.submissions.take(submission) else {
                return;
            };
            let requests: Vec<_> = submission.builders.iter().copied().zip(requests).collect();
            shell
                .bus
                .publish(BusEvent::buildset_new(buildset, &submission.scheduler));
            for (builder, request) in &requests {
                hands.requests.insert(*request, (buildset, *builder));
                tell_request(hands, *request, RequestVerb::New);
            }
            shell.schedulers.tell(Input::BuildsetAdded {
                buildset,
                scheduler: submission.scheduler,
            });
            // Whoever asked may be gone.
            let _ = submission.reply.send(Submitted { buildset, requests });
        }
        Fact::BuildsetCompleted { buildset, results } => {
            shell.bus.publish(BusEvent::buildset_complete(buildset));
            shell.waiters.buildsets.complete(&buildset);
            hands.spawn(async move {
                let read = shell.store.read(move |connection| {
                    buildbot_db::tables::source_stamps::of_buildset(connection, buildset)
                });
                match read.await {
                    Ok(stamps) => shell.schedulers.tell(Input::BuildsetCompleted {
                        buildset,
                        results,
                        source_stamps: stamps.iter().map(|stamp| stamp.id).collect(),
                    }),
                    Err(error) => tracing::error!(%error, "while telling schedulers of an end"),
                }
            });
        }
        Fact::RequestClaimed { request } => tell_request(hands, request, RequestVerb::Claimed),
        Fact::RequestUnclaimed { request } => {
            tell_request(hands, request, RequestVerb::Unclaimed);
        }
        Fact::RequestCompleted { request, results } => {
            tell_request(hands, request, RequestVerb::Complete);
            let was_waiting = !hands.built.remove(&request);
            if was_waiting && results == Results::Cancelled {
                shell.bus.publish(BusEvent::request_cancelled(request));
            }
            shell.waiters.requests.complete(&request);
            hands.requests.remove(&request);
        }
        Fact::BuildStarted { build, request, .. } => {
            hands.built.insert(request);
            tell_build(&shell, build, BuildVerb::New);
            tell_properties(hands, build);
        }
        Fact::BuildFinished {
            build,
            results,
            state,
            ..
        } => {
            tell_properties(hands, build);
            tell_build(&shell, build, BuildVerb::Finished);
            tracing::info!(build = %build, "build finished: {} ({state})", results.name());
            if let Some(ended) = shell.builds.remove(build) {
                hands.spawn(async move { crate::running::close_logs(ended).await });
            }
        }
        Fact::StepStarted { build, step } => {
            tell_step(hands, build, step, &[StepVerb::New, StepVerb::Started]);
        }
        Fact::StepFinished { build, step, .. } => {
            tell_properties(hands, build);
            tell_step(hands, build, step, &[StepVerb::Updated, StepVerb::Finished]);
        }
        Fact::WorkerStateChanged { worker, paused, .. } => {
            shell.workers.set_paused(worker, paused);
            shell
                .bus
                .publish(BusEvent::worker(worker, WorkerVerb::StateUpdated));
        }
    }
}

fn tell_request(hands: &ShellHands, request: BuildRequestId, verb: RequestVerb) {
    if let Some((buildset, builder)) = hands.requests.get(&request) {
        let event = BusEvent::request(request, *buildset, *builder, verb);
        hands.shell.bus.publish(event);
    }
}

/// The builds whose text a transaction changes.
pub(crate) fn states(transaction: &Transaction) -> Vec<BuildId> {
    let writes = transaction.writes.iter();
    let states = writes.filter_map(|write| match write {
        Write::SetBuildState { build, .. } => Some(*build),
        _ => None,
    });
    states.collect()
}

pub(crate) fn tell_build(shell: &Shell, build: BuildId, verb: BuildVerb) {
    if let Some(known) = shell.builds.get(build) {
        let worker = Some(known.worker);
        let event = BusEvent::build(build, known.builder.id, known.number, worker, verb);
        shell.bus.publish(event);
    }
}

fn tell_properties(hands: &ShellHands, build: BuildId) {
    let shell = &hands.shell;
    if let Some(known) = shell.builds.get(build)
        && let Some(changed) = known.take_unannounced()
    {
        shell
            .bus
            .publish(BusEvent::build_properties(build, changed));
    }
}

/// The row of a step is looked up, for the engine knows its number only; not if nobody listens.
fn tell_step(hands: &ShellHands, build: BuildId, step: StepNumber, verbs: &'static [StepVerb]) {
    if !hands.shell.bus.has_listeners() {
        return;
    }
    let shell = hands.shell.clone();
    hands.spawn(async move {
        let read = shell
            .store
            .read(move |connection| steps::id_by_number(connection, build, step));
        if let Ok(Some(row)) = read.await {
            for &verb in verbs {
                shell.bus.publish(BusEvent::step(row, build, verb));
            }
        }
    });
}
