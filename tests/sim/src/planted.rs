//! Bugs that are planted between the engine and the world, where they look as if the engine had them.

use std::sync::Arc;

use buildbot_engine::config::{Builder, BuilderLocks, Config, Lock, LockAccess};
use buildbot_engine::event::{CommitOutcome, StepPrepared, WorkerControl};
use buildbot_engine::{Event, Fact};
use buildbot_model::{
    AddedBuild, Answer, BuildId, BuildNumber, BuilderId, Results, Timestamp, Transaction, Write,
};

use crate::database::{Claimant, Database};

/// One bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A build ends and its locks stay taken.
    LockNotReleased,
    /// A worker is ready again and nobody looks.
    LostWakeUp,
    /// A request is claimed whether or not somebody has it.
    DoubleClaim,
    /// A refused claim is taken for granted.
    ClaimAnswerIgnored,
    /// A worker in quarantine gets builds.
    QuarantineIgnored,
    /// A worker gets one build too many.
    MaxBuildsOffByOne,
    /// A lock is granted once too often.
    LockCountOffByOne,
    /// A lost build's request is never built again.
    RetryDropped,
    /// The end of a build is told before it is durable.
    AnnouncedEarly,
    /// A request is collapsed while it is built.
    ClaimedCollapsed,
    /// An old configuration goes on counting.
    StaleGeneration,
    /// A worker is lost and its builds go on.
    LostWorkerForgotten,
    /// A new priority changes nothing.
    PriorityIgnored,
    /// Steps that are added are not run.
    AddedStepsForgotten,
    /// Locks of a step that were rendered are not taken.
    StepLocksDropped,
    /// A step fails and counts as a success.
    FailureForgotten,
    /// A build ends and a step of it does not.
    StepNotEnded,
    /// The state of a build is written after its end.
    LateState,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::LockNotReleased,
        Self::LostWakeUp,
        Self::DoubleClaim,
        Self::ClaimAnswerIgnored,
        Self::QuarantineIgnored,
        Self::MaxBuildsOffByOne,
        Self::LockCountOffByOne,
        Self::RetryDropped,
        Self::AnnouncedEarly,
        Self::ClaimedCollapsed,
        Self::StaleGeneration,
        Self::LostWorkerForgotten,
        Self::PriorityIgnored,
        Self::AddedStepsForgotten,
        Self::StepLocksDropped,
        Self::FailureForgotten,
        Self::StepNotEnded,
        Self::LateState,
    ];

    /// Whether the engine does not hear of this.
    pub(crate) fn swallows(self, event: &Event) -> bool {
        match (self, event) {
            (Self::LostWakeUp, Event::WorkerControlled { control, .. }) => {
                *control == WorkerControl::Unpause
            }
            (Self::StaleGeneration, Event::ConfigReplaced(_))
            | (Self::LostWorkerForgotten, Event::WorkerDetached { .. })
            | (Self::PriorityIgnored, Event::PriorityChanged { .. })
            | (Self::AddedStepsForgotten, Event::StepsAdded { .. }) => true,
            _ => false,
        }
    }

    /// What the engine hears instead of this.
    pub(crate) fn alter_event(self, event: Event) -> Event {
        match (self, event) {
            (
                Self::StepLocksDropped,
                Event::StepPrepared {
                    build,
                    step,
                    outcome: StepPrepared::Run { flags, .. },
                },
            ) => Event::StepPrepared {
                build,
                step,
                outcome: StepPrepared::Run {
                    flags,
                    locks: Vec::new(),
                },
            },
            (
                Self::FailureForgotten,
                Event::CommandFinished {
                    build,
                    step,
                    mut end,
                },
            ) => {
                if end.results == Results::Failure {
                    end.results = Results::Success;
                }
                Event::CommandFinished { build, step, end }
            }
            (_, event) => event,
        }
    }

    /// What the database gets for what the engine decided.
    pub(crate) fn alter(self, transaction: &mut Transaction, database: &Database) {
        let writes = &mut transaction.writes;
        match self {
            Self::StepNotEnded
                if writes
                    .iter()
                    .any(|it| matches!(it, Write::FinishBuild { .. })) =>
            {
                writes.retain(|write| !matches!(write, Write::FinishStep { .. }));
            }
            Self::LateState => {
                let mut ended = database.builds.iter();
                if let Some((build, _)) = ended.find(|(_, it)| it.results.is_some()) {
                    writes.push(Write::SetBuildState {
                        build: *build,
                        state: "building".into(),
                    });
                }
            }
            Self::RetryDropped => writes.retain(|write| !matches!(write, Write::Unclaim { .. })),
            Self::ClaimedCollapsed => {
                let is_collapse = writes.iter().any(|write| {
                    matches!(write, Write::CompleteRequest { results, .. } if *results == Results::Skipped)
                });
                let mut building = database.requests.iter().filter(|(_, stored)| {
                    stored.claim == Some(Claimant::Us) && stored.results.is_none()
                });
                if let (true, Some((request, _))) = (is_collapse, building.next()) {
                    writes.push(Write::CompleteRequest {
                        request: *request,
                        results: Results::Skipped,
                        at: Timestamp::default(),
                    });
                }
            }
            _ => {}
        }
    }

    /// What the engine hears of the database's answer.
    pub(crate) fn alter_outcome(
        self,
        outcome: CommitOutcome,
        transaction: &Transaction,
    ) -> CommitOutcome {
        let has = |is: fn(&Write) -> bool| transaction.writes.iter().any(is);
        match (self, &outcome) {
            (Self::LockNotReleased, _) if has(|it| matches!(it, Write::FinishBuild { .. })) => {
                CommitOutcome::Unavailable
            }
            (Self::ClaimAnswerIgnored, CommitOutcome::Conflict(_))
                if has(|it| matches!(it, Write::StartBuild { .. })) =>
            {
                CommitOutcome::Committed(vec![
                    Answer::Done,
                    Answer::Build(AddedBuild {
                        id: BuildId(1_000_000),
                        number: BuildNumber(1),
                        recorded_under: BuilderId(1),
                        virtual_name: None,
                        steps: Vec::new(),
                    }),
                ])
            }
            _ => outcome,
        }
    }

    /// What is announced too early.
    pub(crate) fn early_facts(self, transaction: &Transaction) -> Vec<Fact> {
        if self != Self::AnnouncedEarly {
            return Vec::new();
        }
        let ends = transaction.writes.iter().filter_map(|write| match write {
            Write::FinishBuild {
                build,
                results,
                state,
                ..
            } => Some(Fact::BuildFinished {
                build: *build,
                results: *results,
                state: state.clone(),
                stop_reason: None,
            }),
            _ => None,
        });
        ends.collect()
    }

    /// What the engine believes is configured.
    pub(crate) fn alter_config(self, config: &Arc<Config>) -> Arc<Config> {
        let mut altered = (**config).clone();
        match self {
            Self::MaxBuildsOffByOne => {
                for worker in altered.workers.values_mut() {
                    worker.max_builds = worker.max_builds.filter(|max| *max > 0).map(|max| max + 1);
                }
            }
            Self::LockCountOffByOne => {
                for builder in altered.builders.values_mut() {
                    let locks = match &builder.locks {
                        BuilderLocks::Listed(locks) => BuilderLocks::Listed(one_more(locks)),
                        BuilderLocks::Rendered(callable) => {
                            BuilderLocks::Rendered(callable.clone())
                        }
                    };
                    let changed = Builder {
                        locks,
                        ..(**builder).clone()
                    };
                    *builder = Arc::new(changed);
                }
            }
            _ => return config.clone(),
        }
        Arc::new(altered)
    }
}

fn one_more(locks: &[LockAccess]) -> Arc<[LockAccess]> {
    let more = locks.iter().map(|access| LockAccess {
        lock: Arc::new(Lock {
            max_count: access.lock.max_count + 1,
            ..(*access.lock).clone()
        }),
        mode: access.mode,
    });
    more.collect()
}
