//! Rows that have a name, and the state of objects: `master.db.state`.

use buildbot_db::tables::{builders, change_sources, objects, projects, schedulers, workers};
use buildbot_model::ObjectId;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, NoAnswer};
use crate::shell::Shell;

#[derive(Deserialize)]
pub(super) struct Find {
    kind: Kind,
    name: String,
    /// Of an object of the state.
    #[serde(default)]
    class: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Builder,
    Worker,
    Scheduler,
    ChangeSource,
    Project,
    Object,
}

/// The row with this name, which is added if there is none.
pub(super) async fn find(shell: &Shell, find: Find) -> Answer {
    let written = shell.store.write(move |connection| {
        let Find { kind, name, class } = &find;
        Ok(match kind {
            Kind::Builder => builders::find_or_add(connection, name)?.0,
            Kind::Worker => workers::find_or_add(connection, name)?.0,
            Kind::Scheduler => schedulers::find_or_add(connection, name)?.0,
            Kind::ChangeSource => change_sources::find_or_add(connection, name)?.0,
            Kind::Project => projects::find_or_add(connection, name)?.0,
            Kind::Object => objects::find_or_add(connection, name, class)?.0,
        })
    });
    written.await.map(Json::from).map_err(NoAnswer::failed)
}

#[derive(Deserialize)]
pub(super) struct Get {
    object: i64,
    name: String,
}

/// The JSON that is kept, as a text; null if nothing is.
pub(super) async fn get(shell: &Shell, Get { object, name }: Get) -> Answer {
    let read = shell
        .store
        .read(move |connection| objects::state(connection, ObjectId(object), &name));
    read.await.map(|text| json!(text)).map_err(NoAnswer::failed)
}

#[derive(Deserialize)]
pub(super) struct Set {
    object: i64,
    name: String,
    /// JSON.
    text: String,
    /// Whether a value that is there stays.
    once: bool,
}

/// Keeps JSON, and gives what is kept then.
pub(super) async fn set(shell: &Shell, set: Set) -> Answer {
    let written = shell.store.write(move |connection| {
        let Set {
            object,
            name,
            text,
            once,
        } = &set;
        let object = ObjectId(*object);
        if *once {
            return objects::set_state_once(connection, object, name, text);
        }
        objects::set_state(connection, object, name, text)?;
        Ok(text.clone())
    });
    written.await.map(Json::from).map_err(NoAnswer::failed)
}
