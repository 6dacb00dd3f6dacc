//! Changes on their way in: from hooks, clients and change sources into the database, and to the schedulers.

use std::sync::Arc;

use buildbot_config::Value;
use buildbot_data::Event as BusEvent;
use buildbot_db::tables::{changes as rows, users};
use buildbot_model::{ChangeId, NewSourceStamp, Properties, Property, Timestamp};
use buildbot_render::Exception;
use buildbot_schedulers::{Input, NewChange};
use serde_json::{Map, Value as Json, json};

use crate::called::Called;
use crate::identity::now;
use crate::json as plain;
use crate::rendering;
use crate::scheduler_questions;
use crate::shell::Shell;
use crate::site::Site;
use crate::sources;

/// The source of properties that a change carries.
const CHANGE: &str = "Change";

/// Why a change was not added.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// User code that is asked about it failed.
    #[error("{0}")]
    Raised(#[from] Exception),
    /// The database does not take it.
    #[error("{0}")]
    Write(#[from] buildbot_db::WriteError),
    /// User code gave something else than text.
    #[error("{0} is not text")]
    NotText(&'static str),
}

/// Adds a change, and tells everybody.
pub(crate) async fn add(shell: &Arc<Shell>, new: NewChange) -> Result<ChangeId, ChangeError> {
    let site = shell.sites.current();
    let codebase = codebase_of(&site, &new).await?;
    let category = category_of(&site, &new).await?;
    let mut properties = Properties::new();
    for (name, value) in &new.properties {
        if let Some(value) = plain::text_of(value) {
            let source = CHANGE.to_owned();
            properties.insert(name.clone(), Property { value, source });
        }
    }
    let when = new.when.and_then(|when| u64::try_from(when).ok());
    let row = rows::NewChange {
        author: new.author.clone().unwrap_or_default(),
        committer: new.committer.clone(),
        comments: new.comments.clone().unwrap_or_default(),
        source: NewSourceStamp {
            branch: new.branch.clone(),
            revision: new.revision.clone(),
            repository: new.repository.clone().unwrap_or_default(),
            project: new.project.clone().unwrap_or_default(),
            codebase,
            patch: None,
        },
        revlink: new.revlink.clone(),
        when: when.map_or_else(now, Timestamp::from_seconds),
        category,
        files: new.files.clone().unwrap_or_default(),
        properties,
        user: None,
    };
    let source = new.source.clone();
    let author = new.author.clone();
    let written = shell.store.write(move |connection| {
        let mut row = row.clone();
        if let (Some(source), Some(author)) = (&source, &author) {
            row.user = Some(users::find_or_add(connection, source, author)?);
        }
        let id = rows::add(connection, &row, now())?;
        let stored = rows::by_id(connection, id)?;
        let stored = stored
            .map(|row| sources::read_change(connection, row))
            .transpose()?;
        Ok((id, stored))
    });
    let (id, stored) = written.await?;
    shell.bus.publish(BusEvent::change(id));
    if let Some(stored) = stored {
        let change = scheduler_questions::change(stored);
        shell.schedulers.tell(Input::ChangeAdded(Arc::new(change)));
    }
    Ok(id)
}

/// Given, or found by `c['codebaseGenerator']`, or none.
async fn codebase_of(site: &Site, new: &NewChange) -> Result<String, ChangeError> {
    if let Some(codebase) = &new.codebase {
        return Ok(codebase.clone());
    }
    let generator = &site.config.globals.codebase_generator;
    if generator.is_none() {
        return Ok(String::new());
    }
    match call(site, generator, plain_change(new)).await? {
        Value::Text(codebase) => Ok(codebase),
        _ => Err(ChangeError::NotText("what the codebaseGenerator gave")),
    }
}

async fn category_of(site: &Site, new: &NewChange) -> Result<Option<String>, ChangeError> {
    match &new.category {
        Value::None => Ok(None),
        Value::Text(category) => Ok(Some(category.clone())),
        callable => match call(site, callable, plain_change(new)).await? {
            Value::None => Ok(None),
            Value::Text(category) => Ok(Some(category)),
            _ => Err(ChangeError::NotText("the category")),
        },
    }
}

async fn call(site: &Site, function: &Value, argument: Json) -> Result<Value, ChangeError> {
    let Some(Called::Function { target, .. }) = Called::of(function) else {
        return Ok(Value::None);
    };
    let host = site
        .host
        .host()
        .await
        .map_err(|error| rendering::lost(&error))?;
    let answer = host.call(target, vec![argument], Map::new()).await;
    let answer = answer.map_err(|error| rendering::unanswered(&error))?;
    Ok(answer.parse().unwrap_or(Value::None))
}

/// A change as user code gets it before it has a row.
fn plain_change(new: &NewChange) -> Json {
    let properties = new
        .properties
        .iter()
        .map(|(name, value)| json!([name, value]));
    let properties: Vec<Json> = properties.collect();
    let pairs = [
        ("author", json!(new.author)),
        ("committer", json!(new.committer)),
        ("files", json!(new.files)),
        ("comments", json!(new.comments)),
        ("revision", json!(new.revision)),
        ("when_timestamp", json!(new.when)),
        ("branch", json!(new.branch)),
        ("revlink", json!(new.revlink)),
        ("repository", json!(new.repository)),
        ("project", json!(new.project)),
        ("properties", json!({"$": "dict", "v": properties})),
    ];
    let pairs: Vec<Json> = pairs
        .into_iter()
        .map(|(name, value)| json!([name, value]))
        .collect();
    json!({"$": "dict", "v": pairs})
}
