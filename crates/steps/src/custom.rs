//! Steps of classes of users: their code runs in the process of the configuration, and asks back for what it needs.
//!
//! A [`Session`] is the way to such a step. It has three phases, *prepare*, *run* and *end*: a call begins one, the
//! question `done` tells its end. In between the code asks for logs, commands, properties; everything is
//! answered by the same [`Port`] that steps of this crate use. See `docs/formats/config-host.md`.

mod answers;
mod command;
mod native;
mod phase;
mod questions;

use std::fmt;
use std::sync::Arc;

use buildbot_config::{Object, ObjectId, StepConfig};
use buildbot_model::Results;
use buildbot_render::{Exception, Kind, Value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::StepError;
use crate::life::{Flags, Next, StepEnd};
use crate::port::{Answer, Port};
use crate::step::Step;

pub(crate) use phase::Sets;

/// A running step of a class of the user's, in the process of its configuration. Dropped, it is closed.
pub trait Session: Send + Sync + fmt::Debug {
    /// What the code is told of its build and of itself.
    fn surroundings(&self) -> Surroundings;

    /// Calls a method of the session. An exception of the code is [`StepError::Exception`], and so is the end
    /// of the process.
    fn call<'a>(&'a self, method: &'static str, arguments: Vec<Json>) -> Answer<'a, Json>;

    /// The next question of the code, in the order in which it asks. An error is the end of the process.
    fn question(&self) -> Answer<'_, Question>;
}

/// What the code of a step asks.
pub struct Question {
    /// What.
    pub what: String,
    /// With what.
    pub arguments: Json,
    /// Takes the answer.
    pub answer: Box<dyn FnOnce(Json) + Send>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.arguments)
    }
}

/// What the code of a step is told of its build and of itself.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The build, as a live object.
    pub build: Json,
    /// The id of the step.
    pub step_id: Option<i64>,
    /// Its number in the build.
    pub number: i64,
    /// The result of the build so far.
    pub results: Option<Results>,
    /// The steps that have ended: names, results, statistics.
    pub executed: Vec<Executed>,
}

/// A step of the build that has ended.
#[derive(Debug, Clone)]
pub struct Executed {
    /// Its name.
    pub name: String,
    /// Its result.
    pub results: Results,
    /// Its statistics by name.
    pub statistics: Vec<(String, Value)>,
}

/// A step whose code waits for its locks.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) session: Arc<dyn Session>,
    pub(crate) next: Next,
    pub(crate) flags: Flags,
    pub(crate) locks: Value,
    summary: Option<String>,
}

/// What the phase *prepare* gives.
#[derive(Debug, Deserialize)]
struct Begun {
    end: Option<i64>,
    #[serde(default)]
    locks: Value,
    #[serde(default)]
    objects: Vec<(u32, Arc<Object>)>,
    #[serde(default)]
    flags: FlagsByName,
    #[serde(default)]
    summary: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the argument of that name"
)]
struct FlagsByName {
    halt_on_failure: bool,
    flunk_on_failure: bool,
    flunk_on_warnings: bool,
    warn_on_failure: bool,
    warn_on_warnings: bool,
    always_run: bool,
}

/// What the phase *run* gives.
#[derive(Debug, Deserialize)]
struct Ran {
    results: Option<i64>,
    no_result: Option<String>,
}

/// What the phase *end* gives.
#[derive(Debug, Deserialize)]
struct Ended {
    results: i64,
    hidden: bool,
    summary: Option<String>,
    build_summary: Option<String>,
    statistics: Vec<(String, Value)>,
}

/// Makes the step in the process of its configuration, evaluates its arguments there, and asks `doStepIf`.
pub(crate) async fn prepare(
    config: &Arc<StepConfig>,
    port: &dyn Port,
) -> Result<Prepared, StepError> {
    let session = port.open_session(config).await?;
    let handle = config.object.handle.ok_or_else(|| {
        StepError::raise(Kind::Runtime, "the class of this step cannot be called")
    })?;
    let Surroundings {
        build,
        step_id,
        number,
        results,
        executed,
    } = session.surroundings();
    let worker = port.worker();
    let pairs = |pairs: &[(String, String)]| json!({"$": "dict", "v": pairs});
    let executed: Vec<Json> = executed
        .iter()
        .map(|step| {
            json!({
                "name": step.name, "results": step.results.code(),
                "statistics": {"$": "dict", "v": step.statistics},
            })
        })
        .collect();
    let facts = json!({
        "name": port.step_name(), "stepid": step_id, "number": number,
        "results": results.map(Results::code), "executed": executed,
        "workdir": port.build().workdir, "worker_commands": pairs(&worker.commands),
        "worker_environ": pairs(&worker.environ), "worker_basedir": worker.basedir,
        "worker_system": worker.system,
    });
    let template = json!({"$": "opaque", "h": handle});
    session.call("begin", vec![template, build, facts]).await?;
    let arguments = vec![json!("prepare"), json!(port.properties())];
    let begun: Begun =
        answers::read(phase::run(&session, port, &Sets::default(), arguments, false).await?)?;
    let objects = begun.objects.into_iter();
    port.keep_objects(objects.map(|(id, object)| (ObjectId(id), object)).collect());
    let flags = begun.flags;
    Ok(Prepared {
        session,
        next: match begun.end {
            None => Next::Run,
            Some(code) => Next::End(results_of(code)),
        },
        flags: Flags {
            halt_on_failure: flags.halt_on_failure,
            flunk_on_failure: flags.flunk_on_failure,
            flunk_on_warnings: flags.flunk_on_warnings,
            warn_on_failure: flags.warn_on_failure,
            warn_on_warnings: flags.warn_on_warnings,
            always_run: flags.always_run,
        },
        locks: begun.locks,
        summary: begun.summary,
    })
}

/// Runs the step.
pub(crate) async fn run(
    prepared: &Prepared,
    port: &dyn Port,
    sets: &Sets,
) -> Result<Results, StepError> {
    if let Some(text) = &prepared.summary {
        port.show(text.clone());
    }
    let arguments = vec![json!("run"), json!(port.properties())];
    let ran = phase::run(&prepared.session, port, sets, arguments, true).await?;
    let ran: Ran = answers::read(ran)?;
    match (ran.results.and_then(Results::from_code), ran.no_result) {
        (Some(results), _) => Ok(results),
        (None, shown) => Err(StepError::NoResult(Exception::new(
            Kind::Type,
            format!(
                "run() gave {}, which is no result",
                shown.unwrap_or_default()
            ),
        ))),
    }
}

/// Asks `hideStepIf` and what is shown of the step, and finishes its logs.
pub(crate) async fn end(
    step: &Step<'_>,
    prepared: &Prepared,
    sets: &Sets,
    results: Results,
) -> Result<StepEnd, StepError> {
    let port = step.port;
    let arguments = vec![
        json!("end"),
        json!(results.code()),
        json!(port.properties()),
    ];
    let ended = phase::run(&prepared.session, port, sets, arguments, false).await?;
    let ended: Ended = answers::read(ended)?;
    let mut results = results_of(ended.results);
    if port.finish_logs().await.is_err() {
        results = Results::Exception;
    }
    for set in sets.all() {
        port.finish_test_results(set).await?;
    }
    Ok(StepEnd {
        results,
        summary: port.mask(&ended.summary.unwrap_or_default()),
        build_summary: ended.build_summary.map(|text| port.mask(&text)),
        hidden: ended.hidden,
        statistics: ended.statistics,
        build_exception: None,
    })
}

fn results_of(code: i64) -> Results {
    Results::from_code(code).unwrap_or(Results::Exception)
}
