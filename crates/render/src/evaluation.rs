//! Evaluating values in rounds.
//!
//! Everything that is data is computed at once. What must be asked of Python, and which secrets are needed, is
//! collected over all values ([`Evaluation::round`]) and answered together ([`Evaluation::answer`]), as often as
//! answers lead to new questions. Where several things fail, the first in the order of the values is reported,
//! as by the reference.
//!
//! Differs: an exception in a list, a dict or an `Interpolate` is reported as itself and not within Twisted's
//! `FirstError`, because users look for what went wrong.

use std::fmt;

use buildbot_model::Secret;
use indexmap::{IndexMap, IndexSet};

use crate::exception::{Exception, Kind};
use crate::mask::Masks;
use crate::properties::{Context, SecretService};
use crate::value::Value;

mod keyed;
mod renderables;
mod then;

use then::Then;

/// How deep values may refer to values.
const DEPTH_MAX: usize = 200;

/// How many values one evaluation may look at.
const VALUES_MAX: usize = 4 << 20;

/// The one renderable that is known by its name alone.
const URL_FOR_BUILD: &str = "buildbot.reporters.utils.URLForBuild";

/// Several values that are evaluated together.
pub struct Evaluation {
    tasks: Vec<Task>,
    round: Round,
    secrets: IndexMap<String, Result<Secret<String>, Exception>>,
    values_left: usize,
}

/// What an evaluation waits for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Round {
    /// The items of a `render` question to the configuration host.
    pub calls: Vec<Value>,
    /// Names of secrets.
    pub secrets: IndexSet<String>,
}

/// The answers to a round, in its order. What is missing counts as failed.
#[derive(Debug, Default)]
pub struct Answers {
    /// What the items became.
    pub calls: Vec<Result<Value, Exception>>,
    /// The secrets; `None` if no provider knows it.
    pub secrets: Vec<Result<Option<Secret<String>>, Exception>>,
}

/// The results of an evaluation.
pub struct Rendered {
    /// What the values became, in their order.
    pub values: Vec<Result<Value, Exception>>,
    /// The secrets that were used, by name. They may be part of the values.
    pub secrets: IndexMap<String, Secret<String>>,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Rendered");
        if self.secrets.is_empty() {
            shown.field("values", &self.values);
        }
        let names: Vec<&String> = self.secrets.keys().collect();
        shown.field("secrets", &names).finish_non_exhaustive()
    }
}

/// A value on its way to its rendering.
enum Task {
    Done(Result<Value, Exception>),
    /// An item of the round's calls.
    Call(usize),
    Secret(String),
    /// What becomes of several values when all of them are done.
    Waiting {
        tasks: Vec<Task>,
        then: Then,
        depth: usize,
    },
}

impl Task {
    fn done(value: impl Into<Value>) -> Self {
        Self::Done(Ok(value.into()))
    }

    fn failed(error: Exception) -> Self {
        Self::Done(Err(error))
    }
}

impl Round {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.secrets.is_empty()
    }
}

impl Evaluation {
    /// Evaluates as far as no answers are needed.
    pub fn begin<'v>(values: impl IntoIterator<Item = &'v Value>, context: &Context) -> Self {
        let mut evaluation = Self {
            tasks: Vec::new(),
            round: Round::default(),
            secrets: IndexMap::new(),
            values_left: VALUES_MAX,
        };
        let mut evaluator = Evaluator {
            context,
            secrets: &evaluation.secrets,
            round: &mut evaluation.round,
            values_left: &mut evaluation.values_left,
        };
        evaluation.tasks = values
            .into_iter()
            .map(|value| evaluator.render(value, 0))
            .collect();
        evaluation
    }

    /// What must be answered next; `None` when all values are done.
    pub fn round(&self) -> Option<&Round> {
        (!self.round.is_empty()).then_some(&self.round)
    }

    /// Goes on with the answers to the round. `context` is the same as at the beginning.
    pub fn answer(&mut self, answers: Answers, context: &Context) {
        let asked = std::mem::take(&mut self.round);
        let mut found = answers.secrets.into_iter();
        for name in asked.secrets {
            let secret = match found.next() {
                Some(Ok(Some(secret))) => Ok(secret),
                Some(Ok(None)) => Err(Exception::key(&format!(
                    "secret key {name} is not found in any provider"
                ))),
                Some(Err(error)) => Err(error),
                None => Err(unanswered()),
            };
            self.secrets.insert(name, secret);
        }
        let mut calls: Vec<Option<_>> = answers.calls.into_iter().map(Some).collect();
        let mut evaluator = Evaluator {
            context,
            secrets: &self.secrets,
            round: &mut self.round,
            values_left: &mut self.values_left,
        };
        let tasks = std::mem::take(&mut self.tasks);
        self.tasks = tasks
            .into_iter()
            .map(|task| evaluator.advance(task, &mut calls))
            .collect();
    }

    /// The results. What still waits has failed.
    pub fn finish(self) -> Rendered {
        let secrets: IndexMap<String, Secret<String>> = self
            .secrets
            .into_iter()
            .filter_map(|(name, secret)| Some((name, secret.ok()?)))
            .collect();
        let masks: Masks = secrets.iter().collect();
        let values = self
            .tasks
            .into_iter()
            .map(|task| match task {
                Task::Done(result) => result.map_err(|error| masked(error, &masks)),
                Task::Call(_) | Task::Secret(_) | Task::Waiting { .. } => Err(unanswered()),
            })
            .collect();
        Rendered { values, secrets }
    }
}

/// Exceptions are logged, also where a secret took part.
fn masked(error: Exception, masks: &Masks) -> Exception {
    if masks.is_empty() {
        return error;
    }
    Exception {
        message: masks.clean(&error.message),
        traceback: error.traceback.map(|text| masks.clean(&text)),
        ..error
    }
}

fn unanswered() -> Exception {
    Exception::new(Kind::Runtime, "the configuration host gave no answer")
}

/// One pass over the tasks.
struct Evaluator<'c> {
    context: &'c Context,
    /// The secrets that are known.
    secrets: &'c IndexMap<String, Result<Secret<String>, Exception>>,
    /// What the pass finds to ask.
    round: &'c mut Round,
    values_left: &'c mut usize,
}

impl Evaluator<'_> {
    /// Evaluates a value.
    fn render(&mut self, value: &Value, depth: usize) -> Task {
        if depth > DEPTH_MAX {
            return Task::failed(Exception::new(
                Kind::Recursion,
                "maximum recursion depth exceeded",
            ));
        }
        let Some(left) = self.values_left.checked_sub(1) else {
            return Task::failed(Exception::new(Kind::Memory, "there are too many values"));
        };
        *self.values_left = left;
        match value {
            Value::List(items) => self.together(items, Then::List, depth),
            Value::Tuple(items) => self.together(items, Then::Tuple, depth),
            Value::Dict(pairs) => {
                let parts = pairs.iter().flat_map(|(key, value)| [key, value]);
                self.together(parts, Then::Dict, depth)
            }
            Value::Renderable(renderable) => self.renderable(value, renderable, depth),
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::BigInt(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Set(_)
            | Value::FrozenSet(_)
            | Value::Regex(_)
            | Value::Interval(_)
            | Value::Path(_)
            | Value::Object(_)
            | Value::Callable(_)
            | Value::Opaque(_) => Task::Done(Ok(value.clone())),
            Value::Ref(name) if name == URL_FOR_BUILD => match &self.context.build_url {
                Some(url) => Task::done(url.as_str()),
                None => Task::failed(Exception::new(
                    Kind::Attribute,
                    "'NoneType' object has no attribute 'getUrl'",
                )),
            },
            Value::Ref(_) => Task::Done(Ok(value.clone())),
        }
    }

    /// Evaluates several values, and then what is made of them.
    fn together<'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v Value>,
        then: Then,
        depth: usize,
    ) -> Task {
        let tasks = values
            .into_iter()
            .map(|value| self.render(value, depth + 1))
            .collect();
        self.when_done(tasks, then, depth)
    }

    fn when_done(&mut self, tasks: Vec<Task>, then: Then, depth: usize) -> Task {
        if !tasks.iter().all(|task| matches!(task, Task::Done(_))) {
            return Task::Waiting { tasks, then, depth };
        }
        let values = tasks
            .into_iter()
            .filter_map(|task| match task {
                Task::Done(result) => Some(result),
                Task::Call(_) | Task::Secret(_) | Task::Waiting { .. } => None,
            })
            .collect::<Result<Vec<Value>, Exception>>();
        match values {
            Ok(values) => self.go_on(then, values, depth),
            Err(error) => Task::failed(error),
        }
    }

    /// Puts the answers of a round in.
    fn advance(&mut self, task: Task, calls: &mut [Option<Result<Value, Exception>>]) -> Task {
        match task {
            Task::Done(result) => Task::Done(result),
            Task::Call(index) => Task::Done(
                calls
                    .get_mut(index)
                    .and_then(Option::take)
                    .unwrap_or_else(|| Err(unanswered())),
            ),
            Task::Secret(name) => self.secret(&name),
            Task::Waiting { tasks, then, depth } => {
                let tasks = tasks
                    .into_iter()
                    .map(|task| self.advance(task, calls))
                    .collect();
                self.when_done(tasks, then, depth)
            }
        }
    }

    /// Asks Python to evaluate an item.
    fn call(&mut self, item: impl Into<Value>) -> Task {
        self.round.calls.push(item.into());
        Task::Call(self.round.calls.len() - 1)
    }

    fn secret(&mut self, name: &str) -> Task {
        match self.context.secrets {
            SecretService::Unknown => {
                return Task::failed(Exception::new(
                    Kind::Attribute,
                    "'NoneType' object has no attribute 'namedServices'",
                ));
            }
            SecretService::Absent => {
                return Task::failed(Exception::key(
                    "secrets service not started, need to configure SecretManager in \
                     c['services'] to use 'secrets'in Interpolate",
                ));
            }
            SecretService::Present => {}
        }
        match self.secrets.get(name) {
            Some(Ok(secret)) => Task::done(secret.expose().as_str()),
            Some(Err(error)) => Task::failed(error.clone()),
            None => {
                self.round.secrets.insert(name.to_owned());
                Task::Secret(name.to_owned())
            }
        }
    }
}
