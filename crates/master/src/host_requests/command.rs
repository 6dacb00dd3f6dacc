//! Commands on workers that belong to no step: functions of the configuration run them to find out about a worker.

use buildbot_config::Value;
use buildbot_gateway::{Budget, Command, CommandError, Session, Stream, Update};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::{Answer, NoAnswer};
use crate::wire_value::{from_wire, to_wire};

/// Updates between the connection and here: the one that is taken, and the next.
const UPDATES_MAX: usize = 1;

/// Runs a command to its end, and gives all that the worker reports of it, as pairs of a key and a value. There is room
/// for as much as a command of a step may have the master keep.
pub(super) async fn run(session: &Session, name: String, args: &Value, builder: String) -> Answer {
    let Value::Dict(args) = args else {
        return Err(NoAnswer::raised(
            "builtins.TypeError",
            "the arguments of a command are a dictionary",
        ));
    };
    let args = args.iter().filter_map(|(name, value)| {
        let name = name.as_text()?;
        Some((name.to_owned(), to_wire(value)))
    });
    let budget = Budget::default();
    let command = Command {
        builder,
        name,
        args: args.collect(),
        transfer: None,
        budget: budget.clone(),
    };
    let (sink, mut updates) = mpsc::channel(UPDATES_MAX);
    let started = session.run_command(command, sink).await;
    let handle = started.map_err(|error| failed(&error))?;
    let mut told = Vec::new();
    // The sender is dropped with the command; one without room left is stopped.
    while let Some(update) = updates.recv().await {
        if budget.take(update.memory_cost()) {
            told.extend(pair(update));
        }
    }
    let ended = handle.wait().await;
    if budget.is_exceeded() {
        return Err(failed(&CommandError::TooMuch));
    }
    ended.map_err(|error| failed(&error))?;
    Ok(told.into())
}

/// What was reported, under the key that it has in messages.
fn pair(update: Update) -> Option<Json> {
    let (key, value) = match update {
        Update::Text { stream, text, .. } => match stream {
            Stream::Stdout => ("stdout".to_owned(), Value::Text(text)),
            Stream::Stderr => ("stderr".to_owned(), Value::Text(text)),
            Stream::Header => ("header".to_owned(), Value::Text(text)),
            Stream::Log(name) => {
                let both = vec![Value::Text(name), Value::Text(text)];
                ("log".to_owned(), Value::Tuple(both))
            }
        },
        Update::Rc(rc) => ("rc".to_owned(), Value::integer(rc.into())),
        Update::FailureReason(reason) => ("failure_reason".to_owned(), Value::Text(reason)),
        Update::Elapsed(seconds) => ("elapsed".to_owned(), Value::Float(seconds)),
        Update::Files(files) => {
            let files = files.into_iter().map(Value::Text).collect();
            ("files".to_owned(), Value::List(files))
        }
        Update::Stat(fields) => {
            let fields = fields.into_iter().map(|field| Value::integer(field.into()));
            ("stat".to_owned(), Value::Tuple(fields.collect()))
        }
        Update::Other { key, value } => (key, from_wire(&value)),
    };
    let value = serde_json::to_value(value).ok()?;
    Some(json!([key, value]))
}

fn failed(error: &CommandError) -> NoAnswer {
    match error {
        CommandError::Lost(_) => {
            NoAnswer::raised("twisted.internet.error.ConnectionLost", error.to_string())
        }
        CommandError::Refused(_)
        | CommandError::Broke(_)
        | CommandError::Unsendable(_)
        | CommandError::TooMuch
        | CommandError::Transfer(_) => NoAnswer::failed(error),
    }
}
