//! What the code of a step asks.

use std::sync::Arc;

use buildbot_config::{Object, ObjectId, StepConfig};
use buildbot_model::Results;
use buildbot_render::{Kind, Value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::native::Interruptions;
use super::{Question, Session, Sets, answers, command, native};
use crate::error::StepError;
use crate::port::{AddSteps, Channel, Interruption, Later, LogKey, LogKind, Port, TestResult};

/// How a question is answered.
pub(super) enum Handled<'a> {
    /// Before the next one is looked at.
    InTurn(Later<'a, ()>),
    /// While others are answered.
    BesideOthers(Later<'a, ()>),
}

/// Objects that a question brings along.
pub(super) type Objects = Vec<(u32, Arc<Object>)>;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "what", content = "args", rename_all = "camelCase")]
enum Asked {
    AddLog {
        name: String,
        #[serde(rename = "type")]
        kind: String,
    },
    Append {
        log: u64,
        stream: String,
        text: String,
    },
    FinishLog {
        logid: u64,
    },
    #[serde(rename = "addURL")]
    AddUrl {
        name: String,
        url: String,
    },
    SetProperty {
        name: String,
        value: Value,
        source: String,
    },
    Hide {
        secret: String,
        shown: String,
    },
    UpdateSummary {
        text: String,
    },
    SetBuildData {
        name: String,
        value: Value,
        source: String,
    },
    AddTestResultSet {
        description: String,
        category: String,
        value_unit: String,
    },
    AddTestResult {
        setid: i64,
        value: String,
        test_name: Option<String>,
        test_code_path: Option<String>,
        line: Option<i64>,
        duration_ns: Option<i64>,
    },
    AddSteps {
        steps: Vec<Value>,
        objects: Objects,
        after: String,
    },
    InterruptCommands {
        reason: String,
    },
    InterruptNative {
        reason: String,
        lost: bool,
    },
    StopBuild {
        reason: String,
        results: i64,
    },
    RunCommand(command::Wanted),
    Native(native::Wanted),
}

pub(super) fn handle<'a>(
    session: &'a dyn Session,
    port: &'a dyn Port,
    sets: &'a Sets,
    natives: &Arc<Interruptions>,
    question: Question,
) -> Handled<'a> {
    let Question {
        what,
        arguments,
        answer,
    } = question;
    let asked = serde_json::from_value(json!({"what": what, "args": arguments}));
    let asked: Asked = match asked {
        Ok(asked) => asked,
        Err(error) => {
            let text = format!("the master cannot do {what} for a step: {error}");
            let error = StepError::of_class("builtins.NotImplementedError", text);
            answer(answers::of::<Json>(Err(error)));
            return Handled::InTurn(Box::pin(async {}));
        }
    };
    match asked {
        Asked::RunCommand(wanted) => Handled::BesideOthers(Box::pin(async move {
            answer(answers::of(command::run(session, port, wanted).await));
        })),
        Asked::Native(wanted) => {
            let natives = Arc::clone(natives);
            Handled::BesideOthers(Box::pin(async move {
                answer(answers::of(native::run(port, wanted, &natives).await));
            }))
        }
        Asked::InterruptNative { reason, lost } => {
            natives.push(Interruption {
                reason,
                connection_lost: lost,
            });
            answer(answers::of(Ok(Json::Null)));
            Handled::InTurn(Box::pin(async {}))
        }
        asked => Handled::InTurn(Box::pin(async move {
            answer(answers::of(answered(port, sets, asked).await));
        })),
    }
}

async fn answered(port: &dyn Port, sets: &Sets, asked: Asked) -> Result<Json, StepError> {
    let nothing = Ok(Json::Null);
    match asked {
        Asked::AddLog { name, kind } => {
            let kind = match kind.as_str() {
                "t" => LogKind::Text,
                "h" => LogKind::Html,
                _ => LogKind::Stream,
            };
            let LogKey(key) = port.add_log(&name, kind).await?;
            Ok(key.into())
        }
        Asked::Append { log, stream, text } => {
            let channel = match stream.as_str() {
                "e" => Channel::Stderr,
                "h" => Channel::Header,
                _ => Channel::Stdout,
            };
            port.append(LogKey(log), channel, &text).await?;
            nothing
        }
        Asked::FinishLog { logid } => {
            port.finish_log(LogKey(logid)).await?;
            nothing
        }
        Asked::AddUrl { name, url } => {
            port.add_url(&name, &url).await?;
            nothing
        }
        Asked::SetProperty {
            name,
            value,
            source,
        } => {
            port.set_property(&name, value, &source);
            nothing
        }
        Asked::Hide { secret, shown } => {
            port.hide_secret(&secret, &shown);
            nothing
        }
        Asked::UpdateSummary { text } => {
            port.show(text);
            nothing
        }
        Asked::SetBuildData {
            name,
            value,
            source,
        } => {
            let Value::Bytes(bytes) = value else {
                return Err(StepError::raise(Kind::Type, "build data must be bytes"));
            };
            port.set_build_data(&name, bytes, &source).await?;
            nothing
        }
        Asked::AddTestResultSet {
            description,
            category,
            value_unit,
        } => {
            let set = port
                .add_test_results(&description, &category, &value_unit)
                .await?;
            sets.add(set);
            Ok(set.0.into())
        }
        Asked::AddTestResult {
            setid,
            value,
            test_name,
            test_code_path,
            line,
            duration_ns,
        } => {
            let result = TestResult {
                value,
                test_name,
                test_code_path,
                line,
                duration_ns,
            };
            let known = sets.all().into_iter().find(|set| set.0 == setid);
            let Some(set) = known else {
                let text = format!("there is no test result set {setid}");
                return Err(StepError::raise(Kind::Key, text));
            };
            port.add_test_result(set, result).await?;
            nothing
        }
        Asked::AddSteps {
            steps,
            objects,
            after,
        } => {
            let objects = objects_of(objects);
            port.keep_objects(objects.clone());
            let mut added = Vec::new();
            for step in &steps {
                let config = step
                    .as_object()
                    .and_then(|id| StepConfig::of_answer(port.description(), &objects, id));
                let Some(config) = config else {
                    return Err(StepError::raise(Kind::Type, "what was added is no step"));
                };
                added.push(Arc::new(config));
            }
            let place = match after.as_str() {
                "last" => AddSteps::AfterLast,
                _ => AddSteps::AfterCurrent,
            };
            port.add_steps(added, place);
            nothing
        }
        Asked::InterruptCommands { reason } => {
            port.interrupt_commands(&reason);
            nothing
        }
        Asked::StopBuild { reason, results } => {
            let results = Results::from_code(results).unwrap_or(Results::Cancelled);
            port.stop_build(&reason, results).await?;
            nothing
        }
        Asked::RunCommand(_) | Asked::Native(_) | Asked::InterruptNative { .. } => nothing,
    }
}

pub(super) fn objects_of(objects: Objects) -> Vec<(ObjectId, Arc<Object>)> {
    objects
        .into_iter()
        .map(|(id, object)| (ObjectId(id), object))
        .collect()
}
