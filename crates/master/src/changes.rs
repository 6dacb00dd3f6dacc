//! Changes on their way in: from hooks, clients and change sources into the database, and to the schedulers.

use std::sync::Arc;
use std::time::Duration;

use buildbot_data::Event as BusEvent;
use buildbot_db::tables::{changes as rows, users};
use buildbot_model::{ChangeId, NewSourceStamp, Properties, Property, Timestamp};
use buildbot_schedulers::{
    ChangeRules, CompleteChange, Happened, Incoming, Input, NewChange, Question, Step,
};
use serde_json::Value as Json;

use crate::identity::now;
use crate::json as plain;
use crate::scheduler_questions;
use crate::shell::Shell;
use crate::site::Site;
use crate::sources;

/// How long it may take until schedulers have stored what follows from a change. Whoever told of the change waits for
/// that, so that nothing that was taken is lost with a master that is killed.
const HANDLED_WITHIN: Duration = Duration::from_secs(5);

/// The source of properties that a change carries.
const CHANGE: &str = "Change";

/// Why a change was not added.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// What finds its page, category or codebase failed, or gave something else than text.
    #[error("{0}")]
    Rules(String),
    /// The database does not take it.
    #[error("{0}")]
    Write(#[from] buildbot_db::WriteError),
}

/// Adds a change, and tells everybody.
pub(crate) async fn add(shell: &Arc<Shell>, new: NewChange) -> Result<ChangeId, ChangeError> {
    let site = shell.sites.current();
    add_by(shell, &site, new).await
}

/// Adds a change that a part of this configuration has found: its category may be code of that.
pub(crate) async fn add_by(
    shell: &Arc<Shell>,
    site: &Site,
    new: NewChange,
) -> Result<ChangeId, ChangeError> {
    let _held = site.hold();
    let complete = complete(shell, site, new).await?;
    let new = &complete.change;
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
            codebase: complete.codebase.clone(),
            patch: None,
        },
        revlink: new.revlink.clone(),
        when: when.map_or_else(now, Timestamp::from_seconds),
        category: complete.category.clone(),
        files: new.files.clone().unwrap_or_default(),
        properties,
        user: None,
    };
    let user = complete
        .has_user
        .then(|| new.source.clone().zip(new.author.clone()))
        .flatten();
    let written = shell.store.write(move |connection| {
        let mut row = row.clone();
        if let Some((source, author)) = &user {
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
        let change = Arc::new(scheduler_questions::change(stored));
        // Before anything is built because of it.
        let added = Happened::ChangeAdded {
            change: change.clone(),
            at: now(),
        };
        shell.cancelling.tell(&shell.engine, added);
        let mut handled = shell.waiters.changes.wait(id);
        shell.schedulers.tell(Input::ChangeAdded(change));
        // User code may take long; whoever told of the change does not wait for that.
        drop(tokio::time::timeout(HANDLED_WITHIN, handled.end()).await);
    }
    Ok(id)
}

/// Finds what the change does not say itself: its page, category and codebase.
async fn complete(
    shell: &Shell,
    site: &Site,
    new: NewChange,
) -> Result<Box<CompleteChange>, ChangeError> {
    // They were good when the configuration was loaded.
    let rules =
        ChangeRules::read(&site.config.globals, &site.description).map_err(ChangeError::Rules)?;
    let mut incoming = Incoming::new(new, &rules);
    loop {
        match incoming.step() {
            Step::Store(complete) => return Ok(complete),
            Step::Ask(mut question) => {
                name_live_objects(&mut question);
                let answer = scheduler_questions::ask(shell, site, question).await;
                incoming.answered(answer).map_err(ChangeError::Rules)?;
            }
        }
    }
}

/// A change that has no row yet is its own key.
fn name_live_objects(question: &mut Question) {
    let Question::Call { arguments, .. } = question else {
        return;
    };
    for argument in arguments {
        let Json::Object(live) = argument else {
            continue;
        };
        if live.get("key") == Some(&Json::Null) {
            live.insert("key".to_owned(), Json::from(0));
        }
        if let Some(Json::Object(properties)) = live.get_mut("properties")
            && properties.get("key") == Some(&Json::Null)
        {
            properties.insert("key".to_owned(), Json::from(0));
        }
    }
}
