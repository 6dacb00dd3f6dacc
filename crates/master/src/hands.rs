//! Does what the engine asks for. Runs on the engine's thread, and never waits but for the writer of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildbot_data::BuildVerb;
use buildbot_db::Outcome;
use buildbot_engine::config::{Builder, Generation};
use buildbot_engine::event::{CallId, CommitOutcome, Event, InstanceStart, Reply, SessionId};
use buildbot_engine::{Effect, Engine};
use buildbot_model::{BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, WorkerId};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::announce;
use crate::build::Build;
use crate::engine_thread::Hands;
use crate::questions;
use crate::running;
use crate::shell::Shell;

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
                transaction,
            } => {
                let inbox = self.shell.engine.clone();
                let shell = self.shell.clone();
                let states = announce::states(&transaction);
                let answer = move |outcome| {
                    let outcome = match outcome {
                        Ok(Outcome::Committed(answers)) => {
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
                        let reply = match shell.sites.get(generation) {
                            Some(site) => {
                                let place = &callable.place;
                                questions::ask(&shell, &site, callable.handle, place, &question)
                                    .await
                            }
                            None => Reply::Failed,
                        };
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
                number,
                request,
                builder,
                generation,
                worker,
            } => self.begin_build(engine, build, number, request, builder, generation, worker),
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
            // Such workers are refused when the configuration is loaded.
            Effect::StartInstance { worker, .. } => {
                self.shell.engine.answer(Event::InstanceStarted {
                    worker,
                    outcome: InstanceStart::Failed,
                });
            }
            Effect::StopInstance { worker } => {
                self.shell.engine.answer(Event::InstanceStopped { worker });
            }
            Effect::Announce(fact) => announce::announce(self, fact),
            Effect::ReleaseGeneration(generation) => {
                if let Some(site) = self.shell.sites.release(generation) {
                    self.spawn(async move { site.host.stop().await });
                }
            }
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

    #[expect(clippy::too_many_arguments, reason = "they are those of the effect")]
    fn begin_build(
        &self,
        engine: &Engine,
        build: BuildId,
        number: BuildNumber,
        request: BuildRequestId,
        builder: Arc<Builder>,
        generation: Generation,
        worker: WorkerId,
    ) {
        let row = engine.request(request);
        let site = self.shell.sites.get(generation);
        let (Some(row), Some(site)) = (row, site) else {
            tracing::error!(%build, "a build without a request or a configuration");
            return;
        };
        let build = Build::new(build, number, row.clone(), builder, worker, site);
        self.shell.builds.insert(Arc::new(build));
    }

    fn disconnect(&self, worker: WorkerId, session: SessionId) {
        // One that is gone already has told the engine by that.
        if let Some(connected) = self.shell.workers.session(worker, session) {
            connected.disconnect("it does not do what it was asked for");
        }
    }
}
