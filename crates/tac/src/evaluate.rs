//! Follows the statements of a tac file.
//!
//! Nothing is executed: names have the meanings of a fixed table, and every step, every copied byte
//! costs fuel, so that a file ends, and ends soon.

mod call;
mod expression;
mod method;
mod operator;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::arguments::{self, Bound};
use crate::error::Fault;
use crate::names::{self, Meaning};
use crate::surroundings::Surroundings;
use crate::syntax::{
    Expression, ExpressionKind, ImportedModule, ImportedName, Statement, StatementKind, Target,
};
use crate::value::{Items, Pairs, TooLarge, Value};
use crate::worker::{LogTarget, WorkerTac};

pub(crate) use method::is_space;

/// Steps and copied bytes that a file may take: some ten milliseconds, and a thousand times what
/// any real file needs.
const FUEL: usize = 2_000_000;

/// Follows `statements` and gives what they ask for.
pub(crate) fn evaluate(
    text: &str,
    statements: &[Statement],
    surroundings: &Surroundings<'_>,
) -> Result<WorkerTac, Vec<Fault>> {
    let mut evaluator = Evaluator::new(surroundings);
    evaluator.block(statements).map_err(|fault| vec![fault])?;
    evaluator.finish(text.trim_end().len())
}

/// Follows single statements, and goes on after those that it does not understand.
pub(crate) struct Follower<'a>(Evaluator<'a>);

impl<'a> Follower<'a> {
    pub(crate) fn new(surroundings: &'a Surroundings<'a>) -> Self {
        Self(Evaluator::new(surroundings))
    }

    /// Follows a statement. A fault in one that may change `wanted` is returned; any other is passed
    /// over, and what the statement may have changed is forgotten.
    pub(crate) fn follow(&mut self, statement: &Statement, wanted: &Rc<str>) -> Result<(), Fault> {
        let Err(fault) = self.0.block(std::slice::from_ref(statement)) else {
            return Ok(());
        };
        let mut changed = Vec::new();
        statement.changed_names(&mut changed);
        if changed.contains(wanted) {
            return Err(fault);
        }
        for name in changed {
            self.0.variables.remove(&name);
        }
        Ok(())
    }

    /// The text that a variable has, `None` if there is no such variable.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.0.variables.get(name) {
            None => Ok(None),
            Some(Variable {
                value: Value::Text(text),
                ..
            }) => Ok(Some(text.to_string())),
            Some(Variable { value, at }) => Err(Fault::new(
                *at,
                format!("{name} is {}, not a text", value.kind()),
                format!("write {name} = 'master.cfg'"),
            )),
        }
    }

    /// The value of a variable that is an integer.
    pub(crate) fn number(&self, name: &str) -> Option<i128> {
        match self.0.variables.get(name)?.value {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// Where the log goes, as far as the file says.
    pub(crate) fn log(&self) -> LogTarget {
        self.0.log.clone().unwrap_or(LogTarget::TwistdDefault)
    }
}

/// A variable and where its value was written.
struct Variable {
    value: Value,
    at: usize,
}

/// How a statement ended.
#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct Evaluator<'a> {
    surroundings: &'a Surroundings<'a>,
    /// `os.environ` as the file has changed it.
    environ: BTreeMap<String, String>,
    variables: BTreeMap<Rc<str>, Variable>,
    fuel: usize,
    /// Whether the application was made.
    application: bool,
    worker: Option<Bound>,
    /// Whether the worker was attached to the application.
    attached: bool,
    log: Option<LogTarget>,
    printed: Vec<String>,
}

impl<'a> Evaluator<'a> {
    fn new(surroundings: &'a Surroundings<'a>) -> Self {
        Self {
            surroundings,
            environ: surroundings.environ.clone(),
            variables: BTreeMap::new(),
            fuel: FUEL,
            application: false,
            worker: None,
            attached: false,
            log: None,
            printed: Vec::new(),
        }
    }

    /// Pays for `amount` steps or bytes.
    fn charge(&mut self, at: usize, amount: usize) -> Result<(), Fault> {
        match self.fuel.checked_sub(amount) {
            Some(rest) => {
                self.fuel = rest;
                Ok(())
            }
            None => Err(Fault::new(
                at,
                "the file takes too many steps",
                "a worker's file needs few: write the values themselves",
            )),
        }
    }

    fn finish(mut self, end: usize) -> Result<WorkerTac, Vec<Fault>> {
        let missing = |message: &str, help: &str| vec![Fault::new(end, message, help)];
        if !self.application || !matches!(self.variable("application"), Some(Value::Application)) {
            return Err(missing(
                "the file makes no `application`",
                "add: application = service.Application('buildbot-worker')",
            ));
        }
        let Some(bound) = self.worker.take() else {
            return Err(missing(
                "the file makes no worker",
                "add: s = Worker(buildmaster_host, port, workername, passwd, basedir, keepalive)",
            ));
        };
        if !self.attached {
            return Err(missing(
                "the worker is not attached to the application",
                "add: s.setServiceParent(application)",
            ));
        }
        let worker = arguments::worker(bound)?;
        let before = &self.surroundings.environ;
        let removed_environment: BTreeSet<String> = before
            .keys()
            .filter(|name| !self.environ.contains_key(*name))
            .cloned()
            .collect();
        let set_environment = self
            .environ
            .into_iter()
            .filter(|(name, value)| before.get(name) != Some(value))
            .collect();
        Ok(WorkerTac {
            worker,
            log: self.log.unwrap_or(LogTarget::TwistdDefault),
            removed_environment,
            set_environment,
            printed: self.printed,
        })
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.get(name).map(|variable| &variable.value)
    }

    fn set(&mut self, name: &Rc<str>, value: Value, at: usize) {
        self.variables
            .insert(Rc::clone(name), Variable { value, at });
    }

    fn block(&mut self, statements: &[Statement]) -> Result<Flow, Fault> {
        for statement in statements {
            self.charge(statement.at, 1)?;
            match self.statement(statement)? {
                Flow::Next => {}
                leaving => return Ok(leaving),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Statement) -> Result<Flow, Fault> {
        let at = statement.at;
        match &statement.kind {
            StatementKind::Pass => {}
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
            StatementKind::Expression(expression) => {
                self.value(expression)?;
            }
            StatementKind::Assign(targets, expression) => {
                let value = self.value(expression)?;
                for target in targets {
                    self.assign(target, value.clone(), expression.at)?;
                }
            }
            StatementKind::Augment(target, operator, expression) => {
                let old = match target {
                    Target::Name { at, name } => self.name(*at, name)?,
                    Target::Subscript { at, value, key } => {
                        let object = self.value(value)?;
                        let key = self.value(key)?;
                        self.item(*at, &object, &key)?
                    }
                    Target::Tuple { at, .. } => {
                        return Err(Fault::new(
                            *at,
                            "several names cannot be changed at once",
                            "write one line for each",
                        ));
                    }
                };
                let value = self.value(expression)?;
                let value = self.binary(at, *operator, &old, &value)?;
                self.assign(target, value, expression.at)?;
            }
            StatementKind::Delete(targets) => {
                for target in targets {
                    self.delete(target)?;
                }
            }
            StatementKind::Import(modules) => {
                for module in modules {
                    self.import(module)?;
                }
            }
            StatementKind::ImportFrom(module, names) => {
                for name in names {
                    self.import_from(module, name)?;
                }
            }
            StatementKind::If(branches, otherwise) => {
                for (condition, body) in branches {
                    let condition = self.value(condition)?;
                    if self.truth(&condition) {
                        return self.block(body);
                    }
                }
                return self.block(otherwise);
            }
            StatementKind::For {
                target,
                values,
                body,
                otherwise,
            } => return self.for_each(target, values, body, otherwise),
            StatementKind::With {
                value,
                target,
                body,
            } => {
                let place = value.at;
                let value = self.value(value)?;
                if !matches!(value, Value::File(_)) {
                    return Err(Fault::new(
                        place,
                        format!("`with` needs an open file, not {}", value.kind()),
                        "allowed: with open(path) as f:",
                    ));
                }
                if let Some(target) = target {
                    self.assign(target, value, place)?;
                }
                return self.block(body);
            }
            StatementKind::Try {
                body,
                otherwise,
                finally,
            } => {
                let mut flow = self.block(body)?;
                if flow == Flow::Next {
                    flow = self.block(otherwise)?;
                }
                return Ok(match self.block(finally)? {
                    Flow::Next => flow,
                    leaving => leaving,
                });
            }
            StatementKind::Raise => {
                return Err(Fault::new(
                    at,
                    "the file stops here with an exception of its own",
                    "see the condition above this line",
                ));
            }
        }
        Ok(Flow::Next)
    }

    fn for_each(
        &mut self,
        target: &Target,
        values: &Expression,
        body: &[Statement],
        otherwise: &[Statement],
    ) -> Result<Flow, Fault> {
        let place = values.at;
        let values = self.value(values)?;
        for value in self.iterate(place, &values)? {
            self.charge(place, 1)?;
            self.assign(target, value, place)?;
            if self.block(body)? == Flow::Break {
                return Ok(Flow::Next);
            }
        }
        self.block(otherwise)
    }

    fn assign(&mut self, target: &Target, value: Value, place: usize) -> Result<(), Fault> {
        match target {
            Target::Name { name, .. } => {
                self.set(name, value, place);
                Ok(())
            }
            Target::Tuple { at, targets } => {
                let values = self.iterate(*at, &value)?;
                if values.len() != targets.len() {
                    return Err(Fault::new(
                        *at,
                        format!(
                            "{} names cannot take {} values",
                            targets.len(),
                            values.len()
                        ),
                        "write as many names as there are values",
                    ));
                }
                for (target, value) in targets.iter().zip(values) {
                    self.assign(target, value, place)?;
                }
                Ok(())
            }
            Target::Subscript {
                at,
                value: object,
                key,
            } => {
                let found = self.value(object)?;
                let key = self.value(key)?;
                match (&found, &object.kind) {
                    (Value::Environ, _) => self.set_environment(*at, &key, &value),
                    (Value::Dict(pairs), ExpressionKind::Name(name)) => {
                        operator::check_key(*at, &key)?;
                        let mut pairs = pairs.pairs().to_vec();
                        self.charge(*at, pairs.len())?;
                        pairs.push((key, value));
                        let pairs = Pairs::new(pairs).map_err(|TooLarge| too_large(*at))?;
                        self.set(name, Value::Dict(pairs), place);
                        Ok(())
                    }
                    _ => Err(Fault::new(
                        *at,
                        format!("items of {} cannot be changed", found.kind()),
                        "allowed: os.environ['NAME'] = text, and items of a dict that has a name",
                    )),
                }
            }
        }
    }

    fn delete(&mut self, target: &Target) -> Result<(), Fault> {
        match target {
            Target::Name { at, name } => {
                if self.variables.remove(name).is_none() {
                    return Err(unknown_name(*at));
                }
                Ok(())
            }
            Target::Subscript { at, value, key } => {
                let object = self.value(value)?;
                let key = self.value(key)?;
                match (&object, &key) {
                    (Value::Environ, Value::Text(name)) => {
                        if self.environ.remove(&**name).is_none() {
                            return Err(not_set(*at, name));
                        }
                        Ok(())
                    }
                    _ => Err(Fault::new(
                        *at,
                        format!("items of {} cannot be deleted", object.kind()),
                        "allowed: del os.environ['NAME']",
                    )),
                }
            }
            Target::Tuple { targets, .. } => {
                for target in targets {
                    self.delete(target)?;
                }
                Ok(())
            }
        }
    }

    fn set_environment(&mut self, at: usize, name: &Value, value: &Value) -> Result<(), Fault> {
        let (Value::Text(name), Value::Text(value)) = (name, value) else {
            return Err(Fault::new(
                at,
                "names and values of environment variables are text",
                "write both in quotes",
            ));
        };
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Fault::new(
                at,
                "this cannot be an environment variable",
                "a name is not empty and has no `=`; neither name nor value has a NUL character",
            ));
        }
        self.charge(at, name.len() + value.len())?;
        self.environ.insert(name.to_string(), value.to_string());
        Ok(())
    }

    fn import(&mut self, module: &ImportedModule) -> Result<(), Fault> {
        let found = names::known(&module.path);
        let Some((path, Meaning::Module)) = found else {
            return Err(Fault::new(
                module.at,
                format!("the module `{}` is not known here", module.path),
                format!("known modules: {}", names::modules()),
            ));
        };
        match &module.bound {
            Some(bound) => self.set(bound, Value::Known(path), module.at),
            None => {
                // `import os.path` binds `os`.
                let first = path.split('.').next().unwrap_or(path);
                self.set(&first.into(), Value::Known(first), module.at);
            }
        }
        Ok(())
    }

    fn import_from(&mut self, module: &str, name: &ImportedName) -> Result<(), Fault> {
        if module == "__future__" {
            return Ok(());
        }
        let path = format!("{module}.{}", name.name);
        let Some((known, meaning)) = names::known(&path) else {
            let help = match names::known(module) {
                Some((known, Meaning::Module)) => format!("known there: {}", names::within(known)),
                Some((_, Meaning::Is(_))) | None => {
                    format!("known modules: {}", names::modules())
                }
            };
            return Err(Fault::new(
                name.at,
                format!("`{path}` is not known here"),
                help,
            ));
        };
        let value = match meaning {
            Meaning::Module => Value::Known(known),
            Meaning::Is(canonical) => self.known(canonical),
        };
        self.set(&name.bound, value, name.at);
        Ok(())
    }

    fn truth(&self, value: &Value) -> bool {
        value.truth().unwrap_or(!self.environ.is_empty())
    }

    /// The values that a loop over `value` goes through.
    fn iterate(&mut self, at: usize, value: &Value) -> Result<Vec<Value>, Fault> {
        let values: Vec<Value> = match value {
            Value::List(items) | Value::Tuple(items) => items.values().to_vec(),
            Value::Dict(pairs) => pairs.pairs().iter().map(|(key, _)| key.clone()).collect(),
            Value::Environ => self
                .environ
                .keys()
                .map(|name| Value::text(name.as_str()))
                .collect(),
            Value::Text(text) => {
                self.charge(at, text.len())?;
                text.chars().map(|c| Value::text(c.to_string())).collect()
            }
            Value::File(file) => {
                let mut lines = Vec::new();
                loop {
                    let line = file.read_line();
                    if line.is_empty() {
                        break;
                    }
                    lines.push(Value::text(line));
                }
                lines
            }
            other => {
                return Err(Fault::new(
                    at,
                    format!("{} has no items", other.kind()),
                    "allowed: a list, a tuple, a dict, text, an open file, os.environ",
                ));
            }
        };
        self.charge(at, values.len())?;
        Ok(values)
    }

    fn list(&mut self, at: usize, values: Vec<Value>) -> Result<Value, Fault> {
        self.charge(at, values.len())?;
        let items = Items::new(values).map_err(|TooLarge| too_large(at))?;
        Ok(Value::List(items))
    }

    fn tuple(&mut self, at: usize, values: Vec<Value>) -> Result<Value, Fault> {
        self.charge(at, values.len())?;
        let items = Items::new(values).map_err(|TooLarge| too_large(at))?;
        Ok(Value::Tuple(items))
    }

    /// A new text, paid for.
    fn new_text(&mut self, at: usize, text: impl Into<Rc<str>>) -> Result<Value, Fault> {
        let text = text.into();
        self.charge(at, text.len())?;
        Ok(Value::Text(text))
    }
}

fn too_large(at: usize) -> Fault {
    Fault::new(
        at,
        "this list is nested too deeply or holds too much",
        "a worker's file needs no such list",
    )
}

fn not_set(at: usize, name: &str) -> Fault {
    Fault::new(
        at,
        format!("the environment variable {name:?} is not set"),
        "set it before the worker starts, or use os.environ.get(NAME, DEFAULT)",
    )
}

/// Does not show the name: it may be a password without its quotes.
fn unknown_name(at: usize) -> Fault {
    Fault::new(
        at,
        "this name is not known here",
        format!(
            "text stands in quotes; known: names that the file assigns or imports above, __file__, and {}",
            names::builtins()
        ),
    )
}
