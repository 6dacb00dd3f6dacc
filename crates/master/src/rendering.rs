//! Evaluating values for a build, a worker or a scheduler: rounds with the process of the configuration and the
//! providers of secrets.

use std::path::Path;

use buildbot_config::{Object, ObjectId, Value};
use buildbot_confighost::{AskError, Failure, File, LostError};
use buildbot_model::Secret;
use buildbot_render::{Answers, Context, Evaluation, Exception, Kind};
use serde_json::Value as Json;

use crate::secrets;
use crate::site::Site;

/// What became of several values.
pub(crate) struct Rendered {
    /// In their order.
    pub(crate) values: Vec<Result<Value, Exception>>,
    /// What is not to be shown from now on, and what is shown instead.
    pub(crate) hidden: Vec<(Secret<String>, String)>,
    /// Objects that the values refer to and that the description does not have.
    pub(crate) objects: Vec<(ObjectId, Object)>,
}

/// Evaluates values. `live` is the value of kind `properties` that user code gets; it is made only if that is asked.
pub(crate) async fn render(
    site: &Site,
    basedir: &Path,
    values: &[Value],
    context: &Context,
    live: impl Fn() -> Json + Send,
) -> Rendered {
    let mut evaluation = Evaluation::begin(values, context);
    let mut hidden = Vec::new();
    let mut objects = Vec::new();
    while let Some(round) = evaluation.round().cloned() {
        let mut answers = Answers::default();
        for name in &round.secrets {
            let found = secrets::find(&site.config.secrets_providers, basedir, name).await;
            answers
                .secrets
                .push(found.map(|found| found.map(|found| found.value)));
        }
        if !round.calls.is_empty() {
            answers.calls = ask(site, &round.calls, live(), &mut hidden, &mut objects).await;
        }
        evaluation.answer(answers, context);
    }
    let rendered = evaluation.finish();
    let shown = rendered.secrets.into_iter();
    hidden.extend(shown.map(|(name, value)| (value, format!("<{name}>"))));
    Rendered {
        values: rendered.values,
        hidden,
        objects,
    }
}

async fn ask(
    site: &Site,
    items: &[Value],
    live: Json,
    hidden: &mut Vec<(Secret<String>, String)>,
    objects: &mut Vec<(ObjectId, Object)>,
) -> Vec<Result<Value, Exception>> {
    let failed = |error: Exception| vec![Err(error); items.len()];
    let items: Result<Vec<Json>, _> = items.iter().map(serde_json::to_value).collect();
    let items = match items {
        Ok(items) => items,
        Err(error) => return failed(Exception::new(Kind::Runtime, error.to_string())),
    };
    let host = match site.host.host().await {
        Ok(host) => host,
        Err(error) => return failed(lost(&error)),
    };
    let rendered = match host.render(items.clone(), live).await {
        Ok(rendered) => rendered,
        Err(error) => return vec![Err(unanswered(&error)); items.len()],
    };
    hidden.extend(rendered.secrets);
    let outcomes = rendered.outcomes.into_iter();
    outcomes
        .map(|outcome| {
            let answer = outcome.map_err(|failure| exception(&failure))?;
            if let Some(text) = answer.objects() {
                let more: Vec<(u32, Object)> = serde_json::from_str(text)
                    .map_err(|error| Exception::new(Kind::Runtime, error.to_string()))?;
                objects.extend(more.into_iter().map(|(id, object)| (ObjectId(id), object)));
            }
            answer
                .parse()
                .map_err(|error| Exception::new(Kind::Runtime, error.to_string()))
        })
        .collect()
}

/// Why user code gave no value, as Python would raise it.
pub(crate) fn exception(failure: &Failure) -> Exception {
    let place = failure.at.as_ref().and_then(|place| match &place.file {
        File::Path(path) => Some((path.clone(), u32::try_from(place.line).ok()?)),
        File::Index(_) => None,
    });
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Exception {
        class: known(&failure.exception).unwrap_or_else(|| Kind::Runtime.to_string()),
        message: failure.message.clone(),
        traceback: known(&failure.traceback),
        place,
    }
}

/// Why user code was not asked.
pub(crate) fn lost(error: &LostError) -> Exception {
    match error {
        LostError::Ask(error) => unanswered(error),
        other => Exception::new(Kind::Runtime, other.to_string()),
    }
}

/// Why user code gave no answer.
pub(crate) fn unanswered(error: &AskError) -> Exception {
    match error {
        AskError::Failed(failure) => exception(failure),
        other => Exception::new(Kind::Runtime, other.to_string()),
    }
}

/// Asks user code for what only it can compute; secrets that it uses are its own matter.
pub(crate) async fn ask_items(
    site: &Site,
    items: &[Value],
    live: Json,
) -> Vec<Result<Value, Exception>> {
    ask(site, items, live, &mut Vec::new(), &mut Vec::new()).await
}
