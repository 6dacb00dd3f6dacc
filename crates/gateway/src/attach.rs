//! What a worker is told when it arrives, and when its builders change.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, PoisonError};

use buildbot_wire::session::MasterRequest;
use buildbot_wire::{Failure, Value};
use tokio::sync::mpsc;

use crate::info::INFO_BYTES_MAX;
use crate::paths::join;
use crate::running::Gathered;
use crate::{
    Admission, Budget, CallError, Command, CommandError, Protocol, Refused, Session, WorkerBuilder,
    WorkerInfo,
};

/// Updates of a command of an attach that wait to be gathered.
const UPDATES_MAX: usize = 16;

/// The directory of a worker that is no builder's.
const INFO_DIRECTORY: &str = "info";

/// Mode bits of a directory, and which bits say that.
const MODE_DIRECTORY: i128 = 0o040_000;
const MODE_KIND: i128 = 0o170_000;

/// Settings for the output of commands, as the reference sends them.
///
/// Seen: transcripts/mp-attach.jsonl.
const NEWLINE_RE: &str = r"(\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)";
const BUFFER_SIZE: i128 = 64 << 10;
const BUFFER_TIMEOUT_S: i128 = 5;
const MAX_LINE_LENGTH: i128 = 4096;

/// Why a worker cannot be attached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachError {
    /// It has another connection, which lives.
    #[error("rejecting duplicate worker")]
    Duplicate,
    /// It fails at describing itself.
    #[error(transparent)]
    Info(CallError),
    /// The master does not want it at this moment.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It fails at its builders.
    #[error("the builders cannot be set up: {0}")]
    Builders(CallError),
}

/// Greets a worker, asks who it is, and tells it its builders.
pub(crate) async fn attach(
    session: &Session,
    admission: &Arc<dyn Admission>,
) -> Result<Arc<WorkerInfo>, AttachError> {
    session.print("attached").await.map_err(AttachError::Info)?;
    let info = worker_info(session).await.map_err(AttachError::Info)?;
    let info = Arc::new(info);
    {
        let place = session.shared.info.lock();
        *place.unwrap_or_else(PoisonError::into_inner) = Arc::clone(&info);
    }
    let builders = admission
        .attach(session.id(), session.worker(), &info)
        .await?;
    set_builders(session, &builders)
        .await
        .map_err(AttachError::Builders)?;
    Ok(info)
}

/// What the worker says about itself; old ones say only what they can do.
async fn worker_info(session: &Session) -> Result<WorkerInfo, CallError> {
    const NO_SUCH_METHOD: &str = "twisted.spread.flavors.NoSuchMethod";
    let answer = match session.call(MasterRequest::WorkerInfo).await {
        Err(CallError::Refused(failure))
            if session.protocol() == Protocol::Pb && failure.is(NO_SUCH_METHOD) =>
        {
            let commands = session.call(MasterRequest::CommandVersions).await?;
            let version = match session.call(MasterRequest::Version).await {
                Err(CallError::Refused(failure)) if failure.is(NO_SUCH_METHOD) => Value::None,
                answer => answer?,
            };
            Value::Dict(vec![
                (Value::from("worker_commands"), commands),
                (Value::from("version"), version),
            ])
        }
        answer => answer?,
    };
    if answer.memory_cost() > INFO_BYTES_MAX {
        let text = "the worker says too much about itself";
        return Err(CallError::Refused(Failure::new(
            "builtins.ValueError",
            &[],
            text,
        )));
    }
    WorkerInfo::from_value(&answer).ok_or_else(|| {
        let text = "the worker describes itself with something other than a dictionary";
        CallError::Refused(Failure::new("builtins.TypeError", &[], text))
    })
}

/// Replaces the builders of a worker and greets the new ones.
pub(crate) async fn set_builders(
    session: &Session,
    builders: &[WorkerBuilder],
) -> Result<(), CallError> {
    match session.protocol() {
        Protocol::Pb => {
            let pairs = builders
                .iter()
                .map(|builder| (builder.name.clone(), builder.directory.clone()));
            let request = MasterRequest::SetBuilderList(pairs.collect());
            session.call(request).await?;
        }
        Protocol::Msgpack => make_directories(session, builders).await?,
    }
    let directories = builders
        .iter()
        .map(|builder| (builder.name.clone(), builder.directory.clone()));
    let directories: BTreeMap<String, String> = directories.collect();
    let before = {
        let place = session.shared.builders.lock();
        let mut place = place.unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut *place, directories)
    };
    let mut greetings = Vec::new();
    for builder in builders {
        if !before.contains_key(&builder.name) {
            let message = "attached".to_owned();
            greetings.push(session.ask(MasterRequest::Print { message }).await?);
        }
    }
    for greeting in greetings {
        session.answer(greeting).await?;
    }
    Ok(())
}

/// Over msgpack the master makes the directories, and removes those that nobody needs if the worker wants that.
async fn make_directories(session: &Session, builders: &[WorkerBuilder]) -> Result<(), CallError> {
    let settings = [
        ("newline_re", Value::Text(NEWLINE_RE.to_owned())),
        ("max_line_length", Value::Int(MAX_LINE_LENGTH)),
        ("buffer_timeout", Value::Int(BUFFER_TIMEOUT_S)),
        ("buffer_size", Value::Int(BUFFER_SIZE)),
    ];
    let settings = settings
        .into_iter()
        .map(|(key, value)| (Value::from(key), value));
    let settings = MasterRequest::SetWorkerSettings(Value::Dict(settings.collect()));
    session.call(settings).await?;

    let info = session.info();
    let style = info.path_style();
    let path_of = |name: &str| join(style, &info.basedir, name);
    let path = Value::Text(info.basedir.clone());
    let listed = run(session, "listdir", vec![("path", path)]).await?;
    let existing: BTreeSet<String> = match listed.files {
        Some(files) => files.into_iter().collect(),
        None => return Err(failed("listdir", "it lists no files")),
    };
    let wanted: BTreeSet<String> = builders
        .iter()
        .map(|builder| builder.directory.clone())
        .chain([INFO_DIRECTORY.to_owned()])
        .collect();
    if info.delete_leftover_dirs {
        let mut leftover = Vec::new();
        for name in existing.difference(&wanted) {
            let path = path_of(name);
            let arguments = vec![("path", Value::Text(path.clone()))];
            let stat = run(session, "stat", arguments).await?.stat;
            if stat.is_some_and(|[mode, ..]| mode & MODE_KIND == MODE_DIRECTORY) {
                leftover.push(Value::Text(path));
            }
        }
        if !leftover.is_empty() {
            run(session, "rmdir", vec![("paths", Value::List(leftover))]).await?;
        }
    }
    let missing: Vec<Value> = wanted
        .difference(&existing)
        .map(|name| Value::Text(path_of(name)))
        .collect();
    if !missing.is_empty() {
        run(session, "mkdir", vec![("paths", Value::List(missing))]).await?;
    }
    Ok(())
}

/// Runs a command of an attach, whose exit code must be 0.
async fn run(
    session: &Session,
    name: &str,
    args: Vec<(&str, Value)>,
) -> Result<Gathered, CallError> {
    let (sink, mut updates) = mpsc::channel(UPDATES_MAX);
    let args = args
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let unstarted = |error| match error {
        CommandError::Lost(reason) => CallError::Lost(reason),
        CommandError::Refused(failure) | CommandError::Broke(failure) => {
            CallError::Refused(failure)
        }
        CommandError::Unsendable(text) => CallError::Unsendable(text),
        error @ (CommandError::TooMuch | CommandError::Transfer(_)) => {
            CallError::Unsendable(error.to_string())
        }
    };
    let command = Command {
        builder: String::new(),
        name: name.to_owned(),
        args,
        transfer: None,
        budget: Budget::default(),
    };
    let started = session.start(None, command, Box::new(sink));
    let handle = started.await.map_err(unstarted)?;
    let mut gathered = Gathered::default();
    while let Some(update) = updates.recv().await {
        gathered.take(update);
    }
    match handle.wait().await.map_err(unstarted)?.rc {
        Some(0) => Ok(gathered),
        Some(rc) => {
            let text = gathered.text.trim();
            Err(failed(name, &format!("exit code {rc} {text}")))
        }
        None => Err(failed(name, "no exit code")),
    }
}

fn failed(name: &str, what: &str) -> CallError {
    let text = format!("{name}: {what}");
    CallError::Refused(Failure::new("builtins.Exception", &[], text))
}
