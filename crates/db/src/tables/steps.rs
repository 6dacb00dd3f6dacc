//! Steps.

use buildbot_model::{BuildId, Results, StepId, StepNumber, Timestamp};
use serde::{Deserialize, Serialize};

use crate::connection::{Connection, StatementError, sql, values};
use crate::value::{ColumnError, Row};

/// What the state string of a step says before it starts.
const STATE_PENDING: &str = "pending";

/// A row of `steps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its row.
    pub id: StepId,
    /// Its number in the build.
    pub number: StepNumber,
    /// Its name, unique in the build.
    pub name: String,
    /// Its build.
    pub build: BuildId,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it had its locks.
    pub locks_acquired_at: Option<Timestamp>,
    /// When it ended.
    pub complete_at: Option<Timestamp>,
    /// What people read about it.
    pub state_string: String,
    /// How it ended.
    pub results: Option<Results>,
    /// Its links.
    pub urls: Vec<Url>,
    /// Whether people do not see it unless they ask.
    pub hidden: bool,
}

/// A link of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// What it says.
    pub name: String,
    /// Where it leads.
    pub url: String,
}

fn read(row: &mut Row<'_>) -> Result<Step, ColumnError> {
    Ok(Step {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        build: row.take()?,
        started_at: row.take()?,
        locks_acquired_at: row.take()?,
        complete_at: row.take()?,
        state_string: row.take()?,
        results: row.results()?,
        urls: serde_json::from_str(&row.take::<String>()?).unwrap_or_default(),
        hidden: row.take()?,
    })
}

/// Adds a step that has not started.
pub fn add(
    connection: &Connection,
    build: BuildId,
    number: StepNumber,
    name: &str,
) -> Result<StepId, StatementError> {
    let values = values![number, name, build, STATE_PENDING];
    connection.insert(sql!("steps/insert"), values)
}

/// Says that a step has started.
pub fn start(connection: &Connection, id: StepId, now: Timestamp) -> Result<(), StatementError> {
    connection.execute(sql!("steps/start"), values![now, id])?;
    Ok(())
}

/// Says that a step has its locks; it may have none.
pub fn set_locks_acquired(
    connection: &Connection,
    id: StepId,
    at: Timestamp,
) -> Result<(), StatementError> {
    connection.execute(sql!("steps/set_locks_acquired"), values![at, id])?;
    Ok(())
}

/// Changes what people read about a step.
pub fn set_state_string(
    connection: &Connection,
    id: StepId,
    text: &str,
) -> Result<(), StatementError> {
    connection.execute(sql!("steps/set_state_string"), values![text, id])?;
    Ok(())
}

/// Changes all links of a step.
pub fn set_urls(connection: &Connection, id: StepId, urls: &[Url]) -> Result<(), StatementError> {
    let urls = serde_json::json!(urls).to_string();
    connection.execute(sql!("steps/set_urls"), values![&urls, id])?;
    Ok(())
}

/// Hides a step, or shows it.
pub fn set_hidden(connection: &Connection, id: StepId, hidden: bool) -> Result<(), StatementError> {
    connection.execute(sql!("steps/set_hidden"), values![hidden, id])?;
    Ok(())
}

/// Ends a step.
pub fn finish(
    connection: &Connection,
    id: StepId,
    results: Results,
    now: Timestamp,
) -> Result<(), StatementError> {
    connection.execute(sql!("steps/finish"), values![results, now, id])?;
    Ok(())
}

/// The row of a step that is known by its number.
pub fn id_by_number(
    connection: &Connection,
    build: BuildId,
    number: StepNumber,
) -> Result<Option<StepId>, StatementError> {
    connection.first(sql!("steps/id_by_number"), values![build, number], |row| {
        row.take()
    })
}

/// Whether a step of a build has this name.
pub fn has_name(
    connection: &Connection,
    build: BuildId,
    name: &str,
) -> Result<bool, StatementError> {
    connection.has(sql!("steps/has_name"), values![build, name])
}

/// One step.
pub fn by_id(connection: &Connection, id: StepId) -> Result<Option<Step>, StatementError> {
    connection.first(sql!("steps/by_id"), values![id], read)
}

/// Those of a build, by number.
pub fn of_build(connection: &Connection, build: BuildId) -> Result<Vec<Step>, StatementError> {
    connection.all(sql!("steps/of_build"), values![build], read)
}
