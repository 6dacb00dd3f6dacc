//! What code of the user's asks of the master while it runs.
//!
//! Each question is answered by a task of its own; the process of the configuration has a bounded number of open ones.
//! What is not known is refused by name.

mod command;
mod consumers;
mod control;
mod live_objects;
mod read;
mod state;
mod updates;

use std::fmt;
use std::sync::Arc;

use buildbot_confighost::{Ask, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::secrets;
use crate::shell::Shell;
use crate::site::Site;

pub(crate) use consumers::Consumers;

/// Answers until the process of the configuration has ended for good.
pub(crate) async fn serve(
    shell: Arc<Shell>,
    site: Arc<Site>,
    mut requests: mpsc::Receiver<Request>,
) {
    while let Some(request) = requests.recv().await {
        let Request::Ask(ask) = request else {
            continue;
        };
        if ask.name() == "step" {
            shell.sessions.take(ask);
            continue;
        }
        let (shell, site) = (shell.clone(), site.clone());
        shell.tasks.clone().spawn(async move {
            match answer(&shell, &site, &ask).await {
                Ok(value) => ask.answer(value),
                Err(NoAnswer::Refused(why)) => ask.refuse(why),
                Err(NoAnswer::Raised { class, message }) => ask.raise(class, message),
            }
        });
    }
}

/// Why a question has no answer.
#[derive(Debug)]
enum NoAnswer {
    /// It makes no sense here, or this master does not have it.
    Refused(String),
    /// An exception of this class is raised in the code that asks.
    Raised {
        class: &'static str,
        message: String,
    },
}

impl NoAnswer {
    fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    fn raised(class: &'static str, message: impl Into<String>) -> Self {
        Self::Raised {
            class,
            message: message.into(),
        }
    }

    /// The database, or something else that is not the fault of whoever asks.
    fn failed(error: impl fmt::Display) -> Self {
        Self::raised("builtins.RuntimeError", error.to_string())
    }

    fn not_here(what: &str) -> Self {
        Self::Refused(format!("this master does not have {what}"))
    }
}

type Answer = Result<Json, NoAnswer>;

/// The arguments of a question, by the name of the parameter.
fn arguments<T: DeserializeOwned>(given: Json) -> Result<T, NoAnswer> {
    serde_json::from_value(given)
        .map_err(|error| NoAnswer::raised("builtins.TypeError", error.to_string()))
}

async fn answer(shell: &Arc<Shell>, site: &Arc<Site>, ask: &Ask) -> Answer {
    fn parsed<T: DeserializeOwned>(ask: &Ask) -> Result<T, NoAnswer> {
        ask.parse()
            .map_err(|error| NoAnswer::refused(error.to_string()))
    }
    match ask.name() {
        "secret" => secret(shell, site, parsed(ask)?).await,
        "master" => {
            let MasterQuestion { method, args } = parsed(ask)?;
            of_master(shell, site, ask.pid(), &method, args).await
        }
        "method" => live_objects::method(shell, site, parsed(ask)?).await,
        "attribute" => live_objects::attribute(shell, site, &parsed(ask)?).await,
        other => Err(NoAnswer::refused(format!(
            "the master does not know the question {other:?}"
        ))),
    }
}

#[derive(Deserialize)]
struct MasterQuestion {
    method: String,
    args: Json,
}

async fn of_master(
    shell: &Arc<Shell>,
    site: &Arc<Site>,
    pid: u32,
    method: &str,
    args: Json,
) -> Answer {
    match method {
        "data.get" => read::get(shell, arguments(args)?).await,
        "data.control" => control::act(shell, arguments(args)?).await,
        "data.updates.addChange" => updates::add_change(shell, site, arguments(args)?).await,
        "data.updates.addBuildset" => updates::add_buildset(shell, arguments(args)?).await,
        "data.updates.setBuildProperties" => {
            updates::set_build_properties(shell, arguments(args)?).await
        }
        "data.updates.setBuildStateString" => {
            updates::set_build_state(shell, arguments(args)?).await
        }
        "data.updates.setStepStateString" => updates::set_step_state(shell, arguments(args)?).await,
        "data.updates.addStepURL" => updates::add_step_url(shell, arguments(args)?).await,
        "data.updates.setBuildData" => updates::set_build_data(shell, arguments(args)?).await,
        "data.updates.generateNewBuildEvent" => {
            updates::tell_new_build(shell, arguments(args)?).await
        }
        "find" => state::find(shell, arguments(args)?).await,
        "previous_success" => read::previous_success(shell, arguments(args)?).await,
        "state.get" => state::get(shell, arguments(args)?).await,
        "state.set" => state::set(shell, arguments(args)?).await,
        "mq.startConsuming" => consumers::start(shell, site, pid, arguments(args)?).await,
        "mq.stopConsuming" => consumers::stop(shell, pid, &arguments(args)?),
        "mq.produce" => consumers::produce(shell, arguments(args)?),
        other => Err(NoAnswer::not_here(other)),
    }
}

#[derive(Deserialize)]
struct SecretQuestion {
    name: String,
}

async fn secret(shell: &Shell, site: &Site, question: SecretQuestion) -> Answer {
    let providers = &site.config.secrets_providers;
    match secrets::find(providers, &shell.basedir, &question.name).await {
        Ok(None) => Ok(Json::Null),
        Ok(Some(found)) => {
            let value = found.value.expose();
            let pairs = json!([["source", found.provider], ["value", value]]);
            Ok(json!({"$": "dict", "v": pairs}))
        }
        Err(error) => Err(NoAnswer::refused(error.to_string())),
    }
}
