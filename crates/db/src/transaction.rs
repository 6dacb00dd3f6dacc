//! The transactions of the engine, as statements.

use buildbot_model::{
    Answer, BuildId, BuildRequestId, MasterId, StepId, StepNumber, Transaction, Write,
};

use crate::connection::{Connection, StatementError};
use crate::database::Database;
use crate::tables::build_requests::{self, Claim};
use crate::tables::builds::{self, NewBuild};
use crate::tables::buildsets::{self, NewBuildset, NewRequests};
use crate::tables::{steps, workers};
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
        self.submit(
            move |connection| execute(connection, master, &transaction),
            answer,
        );
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
            worker,
            at,
        } => {
            let new = NewBuild {
                builder: *builder,
                request: *request,
                worker: Some(*worker),
                master,
                at: *at,
            };
            let (build, number) = builds::add(connection, new)?;
            Ok(Made::Answer(Answer::Build { build, number }))
        }
        Write::FinishBuild {
            build,
            results,
            waited_for_locks,
            at,
        } => {
            if !builds::finish(connection, *build, *results, *waited_for_locks, *at)? {
                return Err(missing_build(*build));
            }
            done()
        }
        Write::StartStep {
            build,
            step,
            name,
            at,
        } => {
            let id = steps::add(connection, *build, *step, name)?;
            steps::start(connection, id, *at)?;
            done()
        }
        Write::FinishStep {
            build,
            step,
            results,
            locks_acquired_at,
            at,
        } => {
            let id = step_id(connection, *build, *step)?;
            if let Some(acquired_at) = locks_acquired_at {
                steps::set_locks_acquired(connection, id, *acquired_at)?;
            }
            steps::finish(connection, id, *results, *at)?;
            done()
        }
        Write::SetWorkerState {
            worker,
            paused,
            graceful,
        } => {
            workers::set_state(connection, *worker, *paused, *graceful)?;
            done()
        }
        Write::SetPriority { request, priority } => {
            build_requests::set_priority(connection, *request, *priority)?;
            done()
        }
    }
}

fn done() -> Result<Made, StatementError> {
    Ok(Made::Answer(Answer::Done))
}

fn add_buildset(
    connection: &Connection,
    new: &buildbot_model::NewBuildset,
) -> Result<Answer, StatementError> {
    let (buildset, requests) = buildsets::add(
        connection,
        &NewBuildset {
            external_id: None,
            reason: &new.reason,
            submitted_at: new.submitted_at,
            parent_build: new.parent_build,
            parent_relationship: None,
            rebuilt_build: None,
            properties: &new.properties,
        },
        new.source_stamps.iter().map(|stamp| stamp.id),
        NewRequests {
            priority: new.priority,
            waited_for: new.waited_for,
        },
        new.builders.iter().copied(),
    )?;
    Ok(Answer::Buildset { buildset, requests })
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
