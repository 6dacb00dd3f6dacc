//! From "a build is wanted" to a buildset: source stamps, priority, properties, names of builders.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_model::{BuildId, BuilderId, BuildsetId, ChangeId, SourceStampId};
use buildbot_render::{Answers, Context, Evaluation, Properties, SecretService, Value};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::change::{Change, SharedChange};
use crate::input::{Answer, Found, StoredStamp};
use crate::json;
use crate::output::{
    NewSourceStamp, Output, Question, Read, RequestId, Submission, Ticket, Wanted, WantedStamp,
};
use crate::plan::{Plan, Priority};

/// The source of what the configuration of a scheduler says.
pub(crate) const SOURCE: &str = "Scheduler";

/// A buildset that is being put together.
///
/// Differs: a function as `priority` is also called for buildsets that are made without changes, with no changes,
/// because the reference fails there.
pub(crate) struct Composition {
    pub(crate) plan: Arc<Plan>,
    pub(crate) order: Order,
    pub(crate) after: After,
    changes: Vec<SharedChange>,
    priority: i64,
    stage: Stage,
    stamps: Vec<IndexMap<String, Value>>,
    secrets: SecretService,
}

/// What is wanted.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) stamps: Vec<WantedStamp>,
    /// What whoever asked gives; the scheduler's own win.
    pub(crate) properties: Vec<(String, Value, String)>,
    pub(crate) reason: String,
    pub(crate) external_id: Option<String>,
    pub(crate) waited_for: bool,
    pub(crate) parent_build: Option<BuildId>,
    pub(crate) parent_relationship: Option<String>,
    /// Instead of the scheduler's own.
    pub(crate) builders: Option<Vec<Wanted>>,
    /// Instead of the scheduler's own.
    pub(crate) priority: Option<i64>,
    /// The changes that it is made from, for the function that finds its priority.
    pub(crate) changes: BTreeMap<String, Vec<SharedChange>>,
}

/// What follows when it is stored.
#[derive(Debug, Default)]
pub(crate) struct After {
    /// Who waits for the ids.
    pub(crate) reply: Option<RequestId>,
    /// Changes that need not wait any more.
    pub(crate) forget: Vec<ChangeId>,
    /// The change that the scheduler has looked at then.
    pub(crate) looked_at: Option<ChangeId>,
    /// What a dependent scheduler has waited for.
    pub(crate) upstream: Option<BuildsetId>,
    /// The number of the trigger that was kept for this.
    pub(crate) trigger: Option<u64>,
}

enum Stage {
    Stamps,
    Priority,
    Rendering(Box<Rendering>),
    Submitting,
}

struct Rendering {
    evaluation: Evaluation,
    context: Context,
    names: Vec<(String, String)>,
    shown: Arc<Json>,
}

/// What a step of a composition came to.
pub(crate) enum Progress {
    Wants(Output),
    Failed(String),
}

impl Composition {
    pub(crate) fn new(plan: Arc<Plan>, order: Order, after: After, secrets: SecretService) -> Self {
        Self {
            plan,
            order,
            after,
            changes: Vec::new(),
            priority: 0,
            stage: Stage::Stamps,
            stamps: Vec::new(),
            secrets,
        }
    }

    pub(crate) fn begin(&mut self, ticket: Ticket) -> Progress {
        let mut codebases: Vec<&str> = Vec::new();
        for stamp in &self.order.stamps {
            if let WantedStamp::New(stamp) = stamp {
                if codebases.contains(&stamp.codebase.as_str()) {
                    return Progress::Failed(
                        "RuntimeError: multiple sourcestamps with same codebase".to_owned(),
                    );
                }
                codebases.push(&stamp.codebase);
            }
        }
        let stored: Vec<SourceStampId> = self
            .order
            .stamps
            .iter()
            .filter_map(|stamp| match stamp {
                WantedStamp::Stored(id) => Some(*id),
                WantedStamp::New(_) => None,
            })
            .collect();
        if stored.is_empty() {
            return self.stamps_known(ticket, &[]);
        }
        Progress::Wants(Output::Read {
            ticket,
            what: Read::SourceStamps(stored),
        })
    }

    pub(crate) fn found(&mut self, ticket: Ticket, found: Result<Found, String>) -> Progress {
        match (found, &self.stage) {
            (Ok(Found::SourceStamps(stamps)), Stage::Stamps) => self.stamps_known(ticket, &stamps),
            (Ok(_), _) => Progress::Failed("an answer to another question".to_owned()),
            (Err(why), _) => Progress::Failed(why),
        }
    }

    pub(crate) fn answered(&mut self, ticket: Ticket, answer: Answer) -> Progress {
        match (&mut self.stage, answer) {
            (Stage::Priority, Answer::Value(Ok(Value::Int(priority)))) => {
                self.priority = priority;
                self.render(ticket)
            }
            (Stage::Priority, Answer::Value(Ok(Value::Bool(priority)))) => {
                self.priority = priority.into();
                self.render(ticket)
            }
            (Stage::Priority, Answer::Value(Ok(other))) => Progress::Failed(format!(
                "its function for the priority returned a {}",
                other.type_name()
            )),
            (Stage::Priority, Answer::Value(Err(error))) => Progress::Failed(error.to_string()),
            (Stage::Rendering(rendering), Answer::Rendered { items, secrets }) => {
                let answers = Answers {
                    calls: items,
                    secrets,
                };
                rendering.evaluation.answer(answers, &rendering.context);
                self.go_on_rendering(ticket)
            }
            _ => Progress::Failed("an answer to another question".to_owned()),
        }
    }

    fn stamps_known(&mut self, ticket: Ticket, stored: &[StoredStamp]) -> Progress {
        for stamp in &self.order.stamps {
            let described = match stamp {
                WantedStamp::New(stamp) => described_stamp(stamp),
                WantedStamp::Stored(id) => {
                    let Some(found) = stored.iter().find(|found| found.id == *id) else {
                        return Progress::Failed(format!("there is no source stamp {id}"));
                    };
                    // Of several changes with one source stamp the reference sees the last only.
                    let last = found.changes.iter().max_by_key(|change| change.id);
                    self.changes.extend(last.cloned());
                    stored_stamp(found)
                }
            };
            self.stamps.push(described);
        }
        let ask = match (&self.order.priority, &self.plan.priority) {
            (Some(number), _) | (None, Priority::Number(number)) => {
                self.priority = *number;
                return self.render(ticket);
            }
            (None, Priority::Ask(callable)) => callable.clone(),
        };
        self.stage = Stage::Priority;
        let codebases: Vec<(&str, Json)> = self
            .order
            .changes
            .iter()
            .map(|(codebase, changes)| {
                let changes = changes.iter().map(|change| json::live_change(change));
                (codebase.as_str(), changes.collect())
            })
            .collect();
        let question = Question::Call {
            callable: ask,
            arguments: vec![json::value(&self.plan.builder_names), json::dict(codebases)],
        };
        Progress::Wants(self.ask(ticket, question))
    }

    fn ask(&self, ticket: Ticket, question: Question) -> Output {
        Output::Ask {
            ticket,
            generation: self.plan.generation,
            question,
        }
    }

    fn render(&mut self, ticket: Ticket) -> Progress {
        let mut properties = Properties::default();
        for (name, value, source) in &self.order.properties {
            properties.set(name.as_str(), value.clone(), source.as_str(), false);
        }
        for (name, value) in &self.plan.properties {
            properties.set(name.as_str(), value.clone(), SOURCE, false);
        }
        properties.set("scheduler", self.plan.name.as_str(), SOURCE, false);
        for change in &self.changes {
            for (name, (value, source)) in &change.properties {
                properties.set(name.as_str(), value.clone(), source.as_str(), false);
            }
        }
        let names: Vec<(String, String)> = properties
            .iter()
            .map(|(name, property)| (name.to_owned(), property.source.clone()))
            .collect();
        let mut values: Vec<Value> = properties
            .iter()
            .map(|(_, property)| property.value.clone())
            .collect();
        if self.order.builders.is_none() {
            values.push(self.plan.builder_names.clone());
        }
        let by_codebase = self.stamps.iter().map(|stamp| {
            let codebase = stamp.get("codebase").and_then(Value::as_text);
            (codebase.unwrap_or_default().to_owned(), stamp.clone())
        });
        let context = Context {
            source_stamps: Some(by_codebase.collect()),
            properties,
            worker: None,
            build_url: None,
            secrets: self.secrets,
        };
        let evaluation = Evaluation::begin(&values, &context);
        let shown = if evaluation.round().is_some() {
            Arc::new(self.live_properties(&context.properties))
        } else {
            Arc::default()
        };
        self.stage = Stage::Rendering(Box::new(Rendering {
            evaluation,
            context,
            names,
            shown,
        }));
        self.go_on_rendering(ticket)
    }

    fn go_on_rendering(&mut self, ticket: Ticket) -> Progress {
        let Stage::Rendering(rendering) = &self.stage else {
            return Progress::Failed("nothing is being rendered".to_owned());
        };
        if let Some(round) = rendering.evaluation.round() {
            let question = Question::Render {
                items: round.calls.clone(),
                secrets: round.secrets.iter().cloned().collect(),
                properties: Arc::clone(&rendering.shown),
            };
            return Progress::Wants(self.ask(ticket, question));
        }
        let Stage::Rendering(rendering) = std::mem::replace(&mut self.stage, Stage::Submitting)
        else {
            return Progress::Failed("nothing is being rendered".to_owned());
        };
        let Rendering {
            evaluation, names, ..
        } = *rendering;
        let rendered: Result<Vec<Value>, _> = evaluation.finish().values.into_iter().collect();
        let mut values = match rendered {
            Ok(values) => values,
            Err(error) => return Progress::Failed(error.to_string()),
        };
        let builders = match self.order.builders.take() {
            Some(builders) => builders,
            None => match values.pop().as_ref().and_then(builder_names) {
                Some(builders) => builders,
                None => {
                    return Progress::Failed("builderNames is no list of names".to_owned());
                }
            },
        };
        let order = std::mem::take(&mut self.order);
        let properties = names.into_iter().zip(values);
        let buildset = Submission {
            scheduler: self.plan.name.clone(),
            builders,
            source_stamps: order.stamps,
            properties: properties
                .map(|((name, source), value)| (name, value, source))
                .collect(),
            reason: order.reason,
            external_id: order.external_id,
            priority: self.priority,
            waited_for: order.waited_for,
            parent_build: order.parent_build,
            parent_relationship: order.parent_relationship,
        };
        Progress::Wants(Output::Submit {
            ticket,
            buildset: Box::new(buildset),
        })
    }

    /// A live object of kind `properties`, without its key.
    fn live_properties(&self, properties: &Properties) -> Json {
        let values: Vec<Json> = properties
            .iter()
            .map(|(name, property)| json!([name, json::value(&property.value), property.source]))
            .collect();
        let stamps: Vec<Json> = self.stamps.iter().map(plain).collect();
        let changes: Vec<Json> = self
            .changes
            .iter()
            .map(|change| plain_change(change, &self.stamps))
            .collect();
        json!({"$": "properties", "v": values, "sourcestamps": stamps, "changes": changes})
    }
}

fn builder_names(value: &Value) -> Option<Vec<Wanted>> {
    let names: Option<Vec<Wanted>> = value
        .as_sequence()?
        .iter()
        .map(|name| Some(Wanted::Name(name.as_text()?.to_owned())))
        .collect();
    let mut names = names?;
    names.sort();
    names.dedup();
    Some(names)
}

/// A builder of a form, by the number that a client sent.
pub(crate) fn builder_of_id(id: i64) -> Wanted {
    Wanted::Id(BuilderId(id))
}

fn described_stamp(stamp: &NewSourceStamp) -> IndexMap<String, Value> {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::None, Value::from);
    let mut described = IndexMap::from([
        ("codebase".to_owned(), stamp.codebase.as_str().into()),
        ("repository".to_owned(), stamp.repository.as_str().into()),
        ("branch".to_owned(), text(&stamp.branch)),
        ("revision".to_owned(), text(&stamp.revision)),
        ("project".to_owned(), stamp.project.as_str().into()),
    ]);
    if let Some(patch) = &stamp.patch {
        let subdir = text(&patch.subdir);
        described.extend([
            ("patch_body".to_owned(), Value::Bytes(patch.body.clone())),
            ("patch_level".to_owned(), patch.level.into()),
            ("patch_author".to_owned(), patch.author.as_str().into()),
            ("patch_comment".to_owned(), patch.comment.as_str().into()),
            ("patch_subdir".to_owned(), subdir),
        ]);
    }
    described
}

fn stored_stamp(stored: &StoredStamp) -> IndexMap<String, Value> {
    let mut described = described_stamp(&NewSourceStamp {
        patch: None,
        ..stored.stamp.clone()
    });
    described.insert("ssid".to_owned(), stored.id.0.into());
    described.insert("created_at".to_owned(), stored.created_at.into());
    described.insert("patch".to_owned(), Value::None);
    described
}

fn plain(stamp: &IndexMap<String, Value>) -> Json {
    let items = stamp.iter();
    Json::Object(
        items
            .map(|(name, value)| (name.clone(), json::value(value)))
            .collect::<Map<_, _>>(),
    )
}

fn plain_change(change: &Change, stamps: &[IndexMap<String, Value>]) -> Json {
    let properties: Map<String, Json> = change
        .properties
        .iter()
        .map(|(name, (value, source))| (name.clone(), json!([json::value(value), source])))
        .collect();
    let stamp = stamps
        .iter()
        .find(|stamp| stamp.get("ssid") == Some(&Value::Int(change.source_stamp.0)));
    let parents: Vec<i64> = change.parents.iter().map(|id| id.0).collect();
    json!({
        "changeid": change.id.0,
        "author": change.author,
        "committer": change.committer,
        "comments": change.comments,
        "branch": change.branch,
        "revision": change.revision,
        "revlink": change.revlink,
        "when_timestamp": change.when,
        "category": change.category,
        "parent_changeids": parents,
        "repository": change.repository,
        "codebase": change.codebase,
        "project": change.project,
        "files": change.files,
        "properties": properties,
        "sourcestamp": stamp.map(plain),
    })
}
