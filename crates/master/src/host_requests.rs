//! What code of the user's asks of the master while it runs.

use std::sync::Arc;

use buildbot_confighost::{Ask, Request};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::secrets;
use crate::shell::Shell;
use crate::site::Site;

/// Answers until the process of the configuration has ended for good. What is not known is refused by name.
pub(crate) async fn serve(
    shell: Arc<Shell>,
    site: Arc<Site>,
    mut requests: mpsc::Receiver<Request>,
) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Ask(ask) if ask.name() == "secret" => {
                let (shell, site) = (shell.clone(), site.clone());
                shell
                    .tasks
                    .clone()
                    .spawn(async move { answer_secret(&shell, &site, ask).await });
            }
            // Dropped, it is refused.
            Request::Ask(_) | Request::Data { .. } => {}
        }
    }
}

#[derive(Deserialize)]
struct SecretQuestion {
    name: String,
}

async fn answer_secret(shell: &Shell, site: &Site, ask: Ask) {
    let question: SecretQuestion = match ask.parse() {
        Ok(question) => question,
        Err(error) => return ask.refuse(error.to_string()),
    };
    let providers = &site.config.secrets_providers;
    match secrets::find(providers, &shell.basedir, &question.name).await {
        Ok(None) => ask.answer(Json::Null),
        Ok(Some(found)) => {
            let value = found.value.expose();
            let pairs = json!([["source", found.provider], ["value", value]]);
            ask.answer(json!({"$": "dict", "v": pairs}));
        }
        Err(error) => ask.refuse(error.to_string()),
    }
}
