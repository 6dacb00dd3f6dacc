//! The transactions of the engine, as statements.

use buildbot_model::{
    AddedBuild, AddedStep, Answer, BuildId, BuildRequestId, BuilderId, MasterId, NewStep, StepId,
    StepNumber, Transaction, VirtualBuilder, Write,
};

use crate::connection::{Connection, StatementError};
use crate::database::Database;
use crate::tables::build_requests::{self, Claim};
use crate::tables::builds::{self, NewBuild};
use crate::tables::buildsets::{self, NewBuildset, NewRequests};
use crate::tables::{builders, source_stamps, steps, workers};
use crate::writer::{Verdict, WriteError};

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is true, and durable. One answer for each write.
    Committed(Vec<Answer>),
    /// Nothing of it is true, because this request is claimed or complete: somebody else was faster.
    Conflict(BuildRequestId),
}

impl Database {
    /// Has the writer make a transaction of a master; `answer` hears about it after the commit.
    pub fn commit(
        &self,
        master: MasterId,
        transaction: Transaction,
        answer: impl FnOnce(Result<Outcome, WriteError>) + Send + 'static,
    ) {
        self.commit_with(master, transaction, |_, _| Ok(()), answer);
    }

    /// The same, with `more` that becomes true in the same commit, after the writes and unless they are refused. It is
    /// given their answers, and may run twice.
    pub fn commit_with(
        &self,
        master: MasterId,
        transaction: Transaction,
        more: impl Fn(&Connection, &[Answer]) -> Result<(), StatementError> + Send + 'static,
        answer: impl FnOnce(Result<Outcome, WriteError>) + Send + 'static,
    ) {
        let work = move |connection: &Connection| {
            let verdict = execute(connection, master, &transaction)?;
            if let Verdict::Keep(Outcome::Committed(answers)) = &verdict {
                more(connection, answers)?;
            }
            Ok(verdict)
        };
        self.submit(work, answer);
    }
}

fn execute(
    connection: &Connection,
    master: MasterId,
    transaction: &Transaction,
) -> Result<Verdict<Outcome>, StatementError> {
    let mut answers = Vec::with_capacity(transaction.writes.len());
    for write in &transaction.writes {
        match execute_one(connection, master, write)? {
            Made::Answer(answer) => answers.push(answer),
            Made::Nothing(request) => return Ok(Verdict::Undo(Outcome::Conflict(request))),
        }
    }
    Ok(Verdict::Keep(Outcome::Committed(answers)))
}

/// What became of one write.
enum Made {
    Answer(Answer),
    /// The claim of this request was lost.
    Nothing(BuildRequestId),
}

/// A virtual builder belongs to no master. What it is said to be may change with each of its builds.
fn add_virtual_builder(
    connection: &Connection,
    builder: &VirtualBuilder,
) -> Result<BuilderId, StatementError> {
    let id = builders::find_or_add(connection, &builder.name)?;
    let description = builders::Description {
        text: builder.description.clone(),
        ..builders::Description::default()
    };
    builders::describe(connection, id, &description, builder.project, &builder.tags)?;
    Ok(id)
}

fn execute_one(
    connection: &Connection,
    master: MasterId,
    write: &Write,
) -> Result<Made, StatementError> {
    match write {
        Write::AddBuildset(new) => add_buildset(connection, new).map(Made::Answer),
        Write::Claim { request, at } => {
            let claim = build_requests::claim(connection, *request, master, *at)?;
            Ok(match claim {
                Claim::Made => Made::Answer(Answer::Done),
                Claim::Lost => Made::Nothing(*request),
            })
        }
        Write::Unclaim { request } => {
            build_requests::unclaim(connection, *request, master)?;
            done()
        }
        Write::CompleteRequest {
            request,
            results,
            at,
        } => {
            build_requests::complete(connection, *request, *results, *at)?;
            done()
        }
        Write::CompleteBuildset { buildset, at } => {
            let end = buildsets::complete(connection, *buildset, *at)?;
            Ok(Made::Answer(Answer::BuildsetEnd(end)))
        }
        Write::StartBuild {
            request,
            builder,
            virtual_builder,
            worker,
            at,
            state,
            steps: first_steps,
        } => {
            let builder = match virtual_builder {
                Some(of) => add_virtual_builder(connection, of)?,
                None => *builder,
            };
            let new = NewBuild {
                builder,
                request: *request,
                worker: Some(*worker),
                master,
                at: *at,
            };
            let (id, number) = builds::add_with_state(connection, new, state)?;
            let first_steps = first_steps.iter();
            let added = first_steps.map(|step| add_step(connection, id, step));
            let virtual_name = virtual_builder.as_ref().map(|of| of.name.as_str().into());
            Ok(Made::Answer(Answer::Build(AddedBuild {
                id,
                number,
                recorded_under: builder,
                virtual_name,
                steps: added.collect::<Result<_, _>>()?,
            })))
        }
        Write::SetBuildState { build, state } => {
            builds::set_state_string(connection, *build, state)?;
            done()
        }
        Write::SetBuildProperties { build, properties } => {
            for (name, property) in properties {
                builds::set_property(connection, *build, name, property)?;
            }
            done()
        }
        Write::FinishBuild {
            build,
            results,
            state,
            waited_for_locks,
            at,
        } => {
            let waited = *waited_for_locks;
            let is_there =
                builds::finish_with_state(connection, *build, *results, waited, Some(state), *at)?;
            if !is_there {
                return Err(missing_build(*build));
            }
            done()
        }
        Write::AddStep { build, step } => {
            let added = add_step(connection, *build, step)?;
            Ok(Made::Answer(Answer::Step(*build, added)))
        }
        Write::UpdateStep {
            build,
            step,
            update,
        } => {
            let id = step_id(connection, *build, *step)?;
            steps::update(connection, id, update)?;
            done()
        }
        Write::FinishStep {
            build,
            step,
            results,
            at,
            update,
        } => {
            let id = step_id(connection, *build, *step)?;
            steps::update(connection, id, update)?;
            steps::finish(connection, id, *results, *at)?;
            done()
        }
        Write::SetWorkerState {
            worker,
            paused,
            pause_reason,
            graceful,
        } => {
            workers::set_state(connection, *worker, *paused, *graceful)?;
            workers::set_pause_reason(connection, *worker, pause_reason.as_deref())?;
            done()
        }
        Write::SetPriority { request, priority } => {
            build_requests::set_priority(connection, *request, *priority)?;
            done()
        }
    }
}

fn add_step(
    connection: &Connection,
    build: BuildId,
    step: &NewStep,
) -> Result<AddedStep, StatementError> {
    let id = steps::add_new(connection, build, step)?;
    Ok(AddedStep {
        id,
        number: step.number,
        name: step.name.clone(),
    })
}

fn done() -> Result<Made, StatementError> {
    Ok(Made::Answer(Answer::Done))
}

fn add_buildset(
    connection: &Connection,
    new: &buildbot_model::NewBuildset,
) -> Result<Answer, StatementError> {
    let stamps =
        source_stamps::find_or_add_wanted(connection, &new.source_stamps, new.submitted_at)?;
    let (buildset, requests) = buildsets::add(
        connection,
        &NewBuildset {
            external_id: new.external_id.as_deref(),
            reason: &new.reason,
            submitted_at: new.submitted_at,
            parent_build: new.parent_build,
            parent_relationship: new.parent_relationship.as_deref(),
            rebuilt_build: new.rebuilt_build,
            properties: &new.properties,
        },
        stamps.iter().map(|stamp| stamp.id),
        NewRequests {
            priority: new.priority,
            waited_for: new.waited_for,
        },
        new.builders.iter().copied(),
    )?;
    if requests.is_empty() {
        buildsets::complete(connection, buildset, new.submitted_at)?;
    }
    Ok(Answer::Buildset {
        buildset,
        requests,
        source_stamps: stamps,
    })
}

fn step_id(
    connection: &Connection,
    build: BuildId,
    step: StepNumber,
) -> Result<StepId, StatementError> {
    let id = steps::id_by_number(connection, build, step)?;
    id.ok_or(StatementError::Missing {
        noun: "step",
        id: step.0,
    })
}

fn missing_build(build: BuildId) -> StatementError {
    StatementError::Missing {
        noun: "build",
        id: build.0,
    }
}
