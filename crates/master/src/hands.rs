//! Does what the engine asks for. Runs on the engine's thread, and never waits but for the writer of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildbot_data::{BuildVerb, Event as BusEvent};
use buildbot_db::Outcome;
use buildbot_engine::config::{Builder, Generation};
use buildbot_engine::event::{CallId, CommitOutcome, Event, Reply, SessionId};
use buildbot_engine::{Effect, Engine};
use buildbot_model::{
    AddedBuild, Answer, BuildRequestId, BuilderId, BuildsetId, Transaction, WorkerId, Write,
};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::announce;
use crate::build::Build;
use crate::engine_thread::Hands;
use crate::instances;
use crate::questions;
use crate::running;
use crate::shell::Shell;
use crate::virtual_builder;

/// Carries effects out, or has tasks do it.
#[derive(Debug)]
pub(crate) struct ShellHands {
    pub(crate) shell: Arc<Shell>,
    runtime: Handle,
    questions: BTreeMap<CallId, AbortHandle>,
    /// Where requests that are not complete belong.
    pub(crate) requests: BTreeMap<BuildRequestId, (BuildsetId, BuilderId)>,
    /// Those of them that had a build since the start.
    pub(crate) built: BTreeSet<BuildRequestId>,
}

impl Hands for ShellHands {
    fn carry_out(&mut self, effect: Effect, engine: &Engine) {
        match effect {
            Effect::Commit {
                commit,
                mut transaction,
            } => {
                self.record_under_virtual_builders(engine, &mut transaction);
                let inbox = self.shell.engine.clone();
                let shell = self.shell.clone();
                let states = announce::states(&transaction);
                let answer = move |outcome| {
                    let outcome = match outcome {
                        Ok(Outcome::Committed(answers)) => {
                            remember_rows(&shell, &answers);
                            for build in states {
                                announce::tell_build(&shell, build, BuildVerb::Update);
                            }
                            CommitOutcome::Committed(answers)
                        }
                        Ok(Outcome::Conflict(request)) => CommitOutcome::Conflict(request),
                        Err(error) => {
                            let error: buildbot_db::WriteError = error;
                            if !error.may_pass() {
                                tracing::error!(%error, "the database does not take what is true");
                            }
                            CommitOutcome::Unavailable
                        }
                    };
                    inbox.answer(Event::CommitAnswered { commit, outcome });
                };
                let database = self.shell.store.database();
                database.commit(self.shell.master, transaction, answer);
            }
            Effect::Ask {
                call,
                generation,
                callable,
                question,
            } => {
                let shell = self.shell.clone();
                let asking = self.shell.tasks.spawn_on(
                    async move {
                        let site = shell.sites.get(generation);
                        let answered = running::guarded(&shell.tasks, {
                            let shell = shell.clone();
                            async move {
                                let place = &callable.place;
                                match site {
                                    Some(site) => {
                                        let handle = callable.handle;
                                        questions::ask(&shell, &site, handle, place, &question)
                                            .await
                                    }
                                    None => Reply::Failed,
                                }
                            }
                        });
                        let reply = answered.await.unwrap_or(Reply::Failed);
                        shell.engine.answer(Event::QuestionAnswered { call, reply });
                    },
                    &self.runtime,
                );
                self.questions.retain(|_, question| !question.is_finished());
                self.questions.insert(call, asking.abort_handle());
            }
            // What user code has begun is broken off by its own deadline.
            Effect::Forget { call } => {
                if let Some(question) = self.questions.remove(&call) {
                    question.abort();
                }
            }
            Effect::BeginBuild {
                build,
                request,
                builder,
                generation,
                worker,
            } => self.begin_build(engine, build, request, builder, generation, worker),
            Effect::PrepareWorker {
                build,
                worker,
                session,
            } => self.spawn(running::prepare_worker(
                self.shell.clone(),
                build,
                worker,
                session,
            )),
            Effect::NameStep { build, step, index } => {
                self.spawn(running::name_step(self.shell.clone(), build, step, index));
            }
            Effect::PrepareStep {
                build, step, index, ..
            } => self.spawn(running::prepare_step(
                self.shell.clone(),
                build,
                step,
                index,
            )),
            Effect::StartCommand {
                build, step, index, ..
            } => self.spawn(running::run_step(self.shell.clone(), build, step, index)),
            Effect::InterruptCommand { build, step, why } => {
                running::interrupt_step(&self.shell, build, step, why);
            }
            Effect::EndStep {
                build,
                step,
                index,
                why,
            } => self.spawn(running::end_step(
                self.shell.clone(),
                build,
                step,
                index,
                why,
            )),
            Effect::Disconnect { worker, session } => self.disconnect(worker, session),
            Effect::ShutdownWorker { worker, session } => {
                if let Some(connected) = self.shell.workers.session(worker, session) {
                    self.spawn(async move {
                        if let Err(error) = connected.shutdown().await {
                            tracing::warn!("the worker {}: {error}", connected.worker());
                        }
                    });
                }
            }
            Effect::StartInstance { worker, build } => {
                self.spawn(instances::start(self.shell.clone(), worker, build));
            }
            Effect::StopInstance { worker } => {
                self.spawn(instances::stop(self.shell.clone(), worker));
            }
            Effect::Announce(fact) => announce::announce(self, engine, fact),
            Effect::ReleaseGeneration(generation) => {
                if let Some(site) = self.shell.sites.release(generation) {
                    self.spawn(async move { site.retire().await });
                }
            }
        }
    }
}

/// Remembers which rows steps have got, before anybody is told of them.
fn remember_rows(shell: &Shell, answers: &[Answer]) {
    for answer in answers {
        if let Answer::Step(build, step) = answer
            && let Some(build) = shell.builds.get(*build)
        {
            build.set_row(step.clone());
        }
    }
}

impl ShellHands {
    pub(crate) fn new(
        shell: Arc<Shell>,
        requests: impl IntoIterator<Item = (BuildRequestId, (BuildsetId, BuilderId))>,
    ) -> Self {
        Self {
            shell,
            runtime: Handle::current(),
            questions: BTreeMap::new(),
            requests: requests.into_iter().collect(),
            built: BTreeSet::new(),
        }
    }

    /// Has a task do something.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.shell.tasks.spawn_on(work, &self.runtime);
    }

    fn begin_build(
        &self,
        engine: &Engine,
        added: AddedBuild,
        request: BuildRequestId,
        builder: Arc<Builder>,
        generation: Generation,
        worker: WorkerId,
    ) {
        let row = engine.request(request);
        let site = self.shell.sites.get(generation);
        let (Some(row), Some(site)) = (row, site) else {
            tracing::error!(build = %added.id, "a build without a request or a configuration");
            return;
        };
        if added.virtual_name.is_some() {
            let updated = BusEvent::builder_updated(added.recorded_under);
            self.shell.bus.publish(updated);
        }
        let build = Build::new(added, row.clone(), builder, worker, site);
        self.shell.builds.insert(Arc::new(build));
    }

    /// Builds of requests that want it are recorded under virtual builders.
    fn record_under_virtual_builders(&self, engine: &Engine, transaction: &mut Transaction) {
        for write in &mut transaction.writes {
            let Write::StartBuild {
                request,
                builder,
                virtual_builder,
                worker,
                ..
            } = write
            else {
                continue;
            };
            let generation = engine.claimed_with(*request);
            let site = generation.and_then(|it| self.shell.sites.get(it));
            if let (Some(row), Some(site)) = (engine.request(*request), site) {
                let of = virtual_builder::of(&site, *builder, *worker, row);
                *virtual_builder = of.map(Box::new);
            }
        }
    }

    fn disconnect(&self, worker: WorkerId, session: SessionId) {
        // One that is gone already has told the engine by that.
        if let Some(connected) = self.shell.workers.session(worker, session) {
            connected.disconnect("it does not do what it was asked for");
        }
    }
}
