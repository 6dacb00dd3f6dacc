//! Builds that people force, with the parameters that they enter.

mod field;
mod filled;

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_config::{BuilderNames, Description, Scheduler as Configured, SchedulerKind};
use buildbot_render::Value;
use serde_json::{Map, Value as Json, json};

use crate::composition::{Order, builder_of_id};
use crate::entry::Entry;
use crate::input::Answer;
use crate::output::{Question, Refusal, Reply, RequestId, Wanted};
use crate::percent;
use crate::plan::{Codebase, Kind, Plan};
use crate::settings::Validation;
use crate::triggering::with_defaults;
use buildbot_render::value_of_json;

use field::{Class, Field};
use filled::{Evaluated, Filled};

/// The source of the properties that a person enters.
const SOURCE: &str = "Force Build Form";
/// The reason without a `reasonString`.
const REASON: &str = "A build was forced by '%(owner)s': %(reason)s";

/// The form of a force scheduler.
#[derive(Debug)]
pub(crate) struct Form {
    name: String,
    button_name: String,
    label: String,
    builder_names: Vec<String>,
    reason: String,
    /// What the form shows, in its order: user name, reason and priority together, codebases, properties.
    fields: Vec<Field>,
}

/// A form as the resource `forceschedulers` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct FormView {
    /// Its name.
    pub name: String,
    /// What stands on the button.
    pub button_name: String,
    /// What people call it.
    pub label: String,
    /// The builders that it may force.
    pub builder_names: Vec<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Descriptions of its fields.
    pub all_fields: Vec<Json>,
}

impl FormView {
    /// The resource.
    pub fn to_json(&self) -> Json {
        json!({
            "name": self.name,
            "button_name": self.button_name,
            "label": self.label,
            "builder_names": self.builder_names,
            "enabled": self.enabled,
            "all_fields": self.all_fields,
        })
    }
}

impl Form {
    pub(crate) fn read(configured: &Configured, description: &Description) -> Result<Self, String> {
        let SchedulerKind::Force(arguments) = &configured.kind else {
            return Err("it has no form".to_owned());
        };
        let name = configured.name().to_owned();
        let given = &configured.service.object.arguments;
        let of = |argument: &str, default: Field| match given.get(argument) {
            None | Some(Value::None) => Ok(default),
            Some(value) => Field::read(value, description),
        };
        let start = vec![
            of("username", Field::user_name())?,
            of("reason", Field::reason())?,
            of("priority", Field::priority())?,
        ];
        let mut fields = vec![Field::group("", start)];
        match given.get("codebases") {
            None | Some(Value::None) => fields.push(Field::codebase("")),
            Some(codebases) => {
                for codebase in codebases.as_sequence().unwrap_or_default() {
                    fields.push(match codebase {
                        Value::Text(name) => Field::codebase(name),
                        other => Field::read(other, description)?,
                    });
                }
            }
        }
        let properties = given.get("properties").and_then(Value::as_sequence);
        for property in properties.unwrap_or_default() {
            fields.push(Field::read(property, description)?);
        }
        for field in &mut fields {
            field.set_full_name(None);
        }
        let builder_names = match &configured.builder_names {
            BuilderNames::These(names) => names
                .iter()
                .filter_map(|name| name.as_text().map(str::to_owned))
                .collect(),
            BuilderNames::Renderable(_) | BuilderNames::Unknown => Vec::new(),
        };
        let or_name = |text: &Option<String>| {
            let text = text.clone().filter(|text| !text.is_empty());
            text.unwrap_or_else(|| name.clone())
        };
        Ok(Self {
            button_name: or_name(&arguments.button_name),
            label: or_name(&arguments.label),
            builder_names,
            reason: arguments
                .reason_string
                .clone()
                .unwrap_or_else(|| REASON.to_owned()),
            fields,
            name,
        })
    }

    pub(crate) fn codebases(&self) -> BTreeMap<String, Codebase> {
        self.fields
            .iter()
            .filter_map(|field| match &field.class {
                Class::Codebase(codebase) => Some((codebase.clone(), Codebase::default())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn view(&self, enabled: bool) -> FormView {
        FormView {
            name: self.name.clone(),
            button_name: self.button_name.clone(),
            label: self.label.clone(),
            builder_names: self.builder_names.clone(),
            enabled,
            all_fields: self.fields.iter().map(Field::spec).collect(),
        }
    }

    /// The user name, the reason, the priority.
    fn start(&self) -> Option<(&Field, &Field, &Field)> {
        match self.fields.first().map(|group| group.fields.as_slice()) {
            Some([name, reason, priority]) => Some((name, reason, priority)),
            _ => None,
        }
    }
}

/// A form that is being evaluated.
pub(crate) struct Asking {
    pub(crate) plan: Arc<Plan>,
    pub(crate) request: RequestId,
    builders: Option<Vec<Wanted>>,
    owner: Option<Value>,
    entered: BTreeMap<String, Vec<Value>>,
    validation: Validation,
    /// Fields of users' classes that have not been asked: full name, and the object.
    left: Vec<(String, Json)>,
    asked: Option<String>,
    evaluated: BTreeMap<String, Evaluated>,
    failed: Option<String>,
}

/// Begins to evaluate what a person has entered.
pub(crate) fn forced(
    plan: Arc<Plan>,
    request: RequestId,
    parameters: Map<String, Json>,
    validation: &Validation,
) -> Result<Asking, Reply> {
    let Kind::Force(form) = &plan.kind else {
        return Err(Reply::Refused(Refusal::WrongKind(plan.name.clone())));
    };
    let builders = chosen(form, &parameters).map_err(Reply::Refused)?;
    let owner = match parameters.get("owner") {
        None => Some(Value::from("user")),
        Some(Json::Null) => None,
        Some(Json::String(owner)) if owner == "anonymous" => None,
        Some(owner) => Some(value_of_json(owner)),
    };
    let entered = parameters
        .iter()
        .filter(|(name, _)| !["builderid", "builderNames", "owner"].contains(&name.as_str()))
        .map(|(name, value)| {
            let values = match value {
                Json::Array(items) => items.iter().map(value_of_json).collect(),
                one => vec![value_of_json(one)],
            };
            (name.clone(), values)
        })
        .collect();
    let mut left = Vec::new();
    for field in &form.fields {
        field.find_own(&mut left);
    }
    if owner.is_some()
        && let Some((name, ..)) = form.start()
    {
        left.retain(|(full_name, _)| Some(full_name) != name.full_name.as_ref());
    }
    left.reverse();
    Ok(Asking {
        plan: Arc::clone(&plan),
        request,
        builders,
        owner,
        entered,
        validation: validation.clone(),
        left,
        asked: None,
        evaluated: BTreeMap::new(),
        failed: None,
    })
}

/// The builders that were chosen; `None` is all of them.
fn chosen(form: &Form, parameters: &Map<String, Json>) -> Result<Option<Vec<Wanted>>, Refusal> {
    let names = parameters
        .get("builderNames")
        .filter(|names| !names.is_null());
    if let Some(names) = names {
        let names: Vec<&str> = match names {
            Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let known = form.builder_names.iter();
        let mut chosen: Vec<Wanted> = known
            .filter(|known| names.contains(&known.as_str()))
            .map(|name| Wanted::Name(name.clone()))
            .collect();
        chosen.sort();
        chosen.dedup();
        return if chosen.is_empty() {
            Err(Refusal::NoBuilders)
        } else {
            Ok(Some(chosen))
        };
    }
    match parameters.get("builderid").filter(|id| !is_false(id)) {
        None if form.builder_names.is_empty() => Err(Refusal::NoBuilders),
        None => Ok(None),
        Some(id) => {
            let number = id.as_i64().or_else(|| id.as_str()?.trim().parse().ok());
            match number {
                Some(number) => Ok(Some(vec![builder_of_id(number)])),
                None => Err(Refusal::Failed(format!("there is no builder {id}"))),
            }
        }
    }
}

fn is_false(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::String(text) => text.is_empty(),
        _ => false,
    }
}

impl Asking {
    /// What code must be asked next. The second argument is a live object of kind `master` whose key the shell fills in.
    pub(crate) fn question(&mut self) -> Option<Question> {
        if self.failed.is_some() {
            return None;
        }
        let (full_name, on) = self.left.pop()?;
        self.asked = Some(full_name);
        let entered: Vec<(&str, Json)> = self
            .entered
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(crate::json::value);
                (name.as_str(), values.collect())
            })
            .collect();
        Some(Question::Method {
            on,
            name: "evaluate",
            arguments: vec![
                crate::json::dict(entered),
                json!({"$": "master", "key": null}),
            ],
        })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.plan.generation
    }

    pub(crate) fn answered(&mut self, answer: Answer) {
        let Some(full_name) = self.asked.take() else {
            return;
        };
        match answer {
            Answer::Value(Ok(value)) => {
                self.evaluated.insert(full_name, Evaluated::read(&value));
            }
            Answer::Value(Err(error)) => self.failed = Some(error.to_string()),
            Answer::Rendered { .. } => self.failed = Some("an answer to another question".into()),
        }
    }

    /// The buildset that the form asks for.
    pub(crate) fn finish(self: Box<Self>, entry: &Entry) -> Result<Order, Reply> {
        if let Some(why) = self.failed {
            return Err(Reply::Refused(Refusal::Failed(why)));
        }
        let plan = self.plan;
        let Kind::Force(form) = &plan.kind else {
            return Err(Reply::Refused(Refusal::WrongKind(plan.name.clone())));
        };
        let Some((user_name, reason, priority)) = form.start() else {
            return Err(Reply::Refused(Refusal::WrongKind(plan.name.clone())));
        };
        let mut filled = Filled::new(&self.entered, &self.evaluated, &self.validation);
        let failed = |why: String| Reply::Refused(Refusal::Failed(why));
        let owner = match self.owner {
            Some(owner) => owner,
            None => filled.single(user_name).map_err(failed)?,
        };
        let reason = filled.single(reason).map_err(failed)?;
        let priority = filled.single(priority).map_err(failed)?;
        for field in form.fields.iter().skip(1) {
            filled.add(field).map_err(failed)?;
        }
        let (mut properties, stamps) = filled.finish().map_err(Reply::Invalid)?;
        properties.insert("reason".to_owned(), reason.clone());
        properties.insert("owner".to_owned(), owner.clone());
        let (owner, reason) = (shown(&owner), shown(&reason));
        let values = [("owner", owner.as_str()), ("reason", reason.as_str())];
        let reason = percent::fill(&form.reason, &values).map_err(failed)?;
        let properties = properties.into_iter();
        Ok(Order {
            stamps: with_defaults(entry, &stamps),
            properties: properties
                .map(|(name, value)| (name, value, SOURCE.to_owned()))
                .collect(),
            reason,
            builders: self.builders,
            priority: match priority {
                Value::Int(priority) => Some(priority),
                Value::Bool(priority) => Some(priority.into()),
                _ => Some(0),
            },
            ..Order::default()
        })
    }
}

/// A value in the middle of a text.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.repr(&Description::default()),
    }
}
