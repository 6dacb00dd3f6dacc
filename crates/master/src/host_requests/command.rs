//! Commands on workers that belong to no step: functions of the configuration run them to find out about a worker.

use buildbot_config::Value;
use buildbot_gateway::{Budget, Command, CommandError, Session};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Answer, NoAnswer};
use crate::wire_value::{reported, to_wire};

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
    let args = args.iter().map(|(name, value)| {
        let name = name.as_text().ok_or_else(|| {
            NoAnswer::raised("builtins.TypeError", "arguments of a command have names")
        })?;
        Ok((name.to_owned(), to_wire(value)))
    });
    let args: Result<Vec<_>, NoAnswer> = args.collect();
    let budget = Budget::default();
    let command = Command {
        builder,
        name,
        args: args?,
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
            let (key, value) = reported(update);
            told.push(json!([key, value]));
        }
    }
    let ended = handle.wait().await;
    if budget.is_exceeded() {
        return Err(failed(&CommandError::TooMuch));
    }
    ended.map_err(|error| failed(&error))?;
    Ok(told.into())
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
