//! Steps.

use buildbot_model::{BuildId, NewStep, Results, StepId, StepNumber, StepUpdate, Timestamp};

pub use buildbot_model::Url;

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
        urls: read_urls(&row.take::<String>()?),
        hidden: row.take()?,
    })
}

/// What is no list of links is taken for an empty one.
fn read_urls(text: &str) -> Vec<Url> {
    let urls: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let text = |url: &serde_json::Value, key| Some(url.get(key)?.as_str()?.to_owned());
    let read = |url: &serde_json::Value| {
        Some(Url {
            name: text(url, "name")?,
            url: text(url, "url")?,
        })
    };
    urls.iter().filter_map(read).collect()
}

/// Adds a step that has not started.
pub fn add(
    connection: &Connection,
    build: BuildId,
    number: StepNumber,
    name: &str,
) -> Result<StepId, StatementError> {
    let step = NewStep {
        number,
        name: name.into(),
        started_at: None,
        locks_acquired_at: None,
    };
    add_new(connection, build, &step)
}

/// Adds a step, which may have started.
pub fn add_new(
    connection: &Connection,
    build: BuildId,
    step: &NewStep,
) -> Result<StepId, StatementError> {
    let values = values![
        step.number,
        &*step.name,
        build,
        step.started_at,
        step.locks_acquired_at,
        STATE_PENDING
    ];
    connection.insert(sql!("steps/insert"), values)
}

/// Says that a step has started.
pub fn start(connection: &Connection, id: StepId, now: Timestamp) -> Result<(), StatementError> {
    connection.execute(sql!("steps/start"), values![now, id])?;
    Ok(())
}

/// Changes what is not `None`.
pub fn update(
    connection: &Connection,
    id: StepId,
    update: &StepUpdate,
) -> Result<(), StatementError> {
    let StepUpdate {
        started_at,
        locks_acquired_at,
        state,
        urls,
        hidden,
    } = update;
    if let Some(at) = started_at {
        start(connection, id, *at)?;
    }
    if let Some(at) = locks_acquired_at {
        set_locks_acquired(connection, id, *at)?;
    }
    if let Some(state) = state {
        set_state_string(connection, id, state)?;
    }
    if let Some(urls) = urls {
        set_urls(connection, id, urls)?;
    }
    if let Some(hidden) = hidden {
        set_hidden(connection, id, *hidden)?;
    }
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

/// Changes what people read about a step that has not ended: its last word stays.
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
    let object = |url: &Url| serde_json::json!({ "name": url.name, "url": url.url });
    let urls: serde_json::Value = urls.iter().map(object).collect();
    let urls = urls.to_string();
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
