//! `c['builders']`.
//!
//! `BuilderConfig` checks its arguments itself while the file is executed. A plain dictionary in the list
//! stands for its keyword arguments, and is checked here.

use std::collections::HashMap;
use std::sync::Arc;

use buildbot_model::python_text::repr_of_text;

use crate::check::Check;
use crate::description::{Arguments, Object};
use crate::locks::{self, Locks};
use crate::place::SourcePlace;
use crate::problem::{Problem, listed, nearest};
use crate::service::text_of;
use crate::steps::{self, Factory};
use crate::value::{ObjectId, Value};

const CLASS: &str = "buildbot.config.builder.BuilderConfig";

const ARGUMENTS: &[&str] = &[
    "name",
    "workername",
    "workernames",
    "builddir",
    "workerbuilddir",
    "factory",
    "tags",
    "nextWorker",
    "nextBuild",
    "locks",
    "env",
    "properties",
    "collapseRequests",
    "description",
    "description_format",
    "canStartBuild",
    "defaultProperties",
    "project",
    "do_build_if",
];

/// What a builder is called that has no usable name.
const UNNAMED: &str = "<unknown>";

/// More characters do not fit into the database.
const PROPERTY_NAME_CHARACTERS_MAX: usize = 256;

/// A builder.
#[derive(Debug, Clone, PartialEq)]
pub struct BuilderConfig {
    /// Its name.
    pub name: String,
    /// The workers that may build for it.
    pub worker_names: Vec<String>,
    /// Its directory below the master's.
    pub builddir: String,
    /// Its directory below the worker's.
    pub workerbuilddir: String,
    /// What a build consists of.
    pub factory: Option<Arc<Factory>>,
    /// Words by which people find it.
    pub tags: Vec<String>,
    /// Chooses a worker.
    pub next_worker: Value,
    /// Chooses a request.
    pub next_build: Value,
    /// Decides whether a build may start.
    pub can_start_build: Value,
    /// Decides whether a build does anything.
    pub do_build_if: Value,
    /// Locks held during a build.
    pub locks: Locks,
    /// Environment variables of all steps; may contain renderables.
    pub env: Value,
    /// Properties of each build.
    pub properties: Vec<(String, Value)>,
    /// Properties of each build that nobody else sets.
    pub default_properties: Vec<(String, Value)>,
    /// Whether requests are collapsed: `None`, a truth value, or a callable.
    pub collapse_requests: Value,
    /// For people.
    pub description: Option<String>,
    /// `markdown`, if the description is that.
    pub description_format: Option<String>,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// Every argument as it was given; users also put attributes of their own on a builder.
    pub object: Arc<Object>,
    /// Where it was made.
    pub place: Option<SourcePlace>,
}

pub(crate) fn read(check: &mut Check<'_>) -> Vec<BuilderConfig> {
    let Some(value) = check.key("builders") else {
        return Vec::new();
    };
    let Some(items) = value.as_sequence() else {
        check.error_in_key("builders", "c['builders'] must be a list");
        return Vec::new();
    };
    let mut builders = Vec::with_capacity(items.len());
    let mut factories = HashMap::new();
    for item in items {
        if let Some((id, object)) = check.object(item)
            && object.class == CLASS
        {
            let Some(object) = check.description.shared_object(id) else {
                continue;
            };
            let source = Source {
                object,
                is_checked: true,
            };
            builders.push(source.read(check, &mut factories));
        } else if let Some(pairs) = item.as_dict() {
            let arguments = keywords(pairs);
            if check_keywords(check, &arguments) {
                let source = Source {
                    object: Arc::new(Object {
                        class: CLASS.to_owned(),
                        arguments,
                        ..Object::default()
                    }),
                    is_checked: false,
                };
                builders.push(source.read(check, &mut factories));
            }
        } else {
            let shown = item.repr(check.description);
            let at = check.place_of_value(item, "builders");
            check.report(
                Problem::error(format!("{shown} is not a builder config (in c['builders']"))
                    .at(at)
                    .help("write util.BuilderConfig(name=…, workernames=…, factory=…)"),
            );
        }
    }
    for builder in &builders {
        if builder.builddir.starts_with('/') {
            let message = format!(
                "Absolute path '{}' for builder may cause mayhem. Perhaps you meant to specify workerbuilddir instead.",
                builder.builddir
            );
            check.report(Problem::warning(message).at(builder.place.clone()));
        }
    }
    builders
}

fn keywords(pairs: &[(Value, Value)]) -> Arguments {
    Arguments(
        pairs
            .iter()
            .filter_map(|(name, value)| Some((name.as_text()?.to_owned(), value.clone())))
            .collect(),
    )
}

fn check_keywords(check: &mut Check<'_>, arguments: &Arguments) -> bool {
    let Some((unknown, _)) = arguments.iter().find(|(name, _)| !ARGUMENTS.contains(name)) else {
        return true;
    };
    let at = check.place_of_key("builders");
    let near = nearest(unknown, ARGUMENTS.iter().copied());
    check.report(
        Problem::error(format!(
            "BuilderConfig.__init__() got an unexpected keyword argument '{unknown}'"
        ))
        .at(at)
        .maybe_help(near.map(|near| format!("did you mean '{near}'?"))),
    );
    false
}

type Factories = HashMap<ObjectId, Option<Arc<Factory>>>;

/// Where the arguments of a builder come from.
struct Source {
    object: Arc<Object>,
    /// Whether the constructor has reported what is wrong.
    is_checked: bool,
}

impl Source {
    fn get(&self, name: &str) -> &Value {
        self.object.arguments.get(name).unwrap_or(&Value::None)
    }

    fn place(&self, check: &mut Check<'_>) -> Option<SourcePlace> {
        check
            .place(self.object.at)
            .or_else(|| check.place_of_key("builders"))
    }

    fn error(&self, check: &mut Check<'_>, message: impl Into<String>) {
        if !self.is_checked {
            check.error_in_key("builders", message);
        }
    }

    fn read(&self, check: &mut Check<'_>, factories: &mut Factories) -> BuilderConfig {
        let name = self.name(check);
        let shown = repr_of_text(&name);
        let project = self.text_or_none(check, "project", "builder project must be None or str");
        let factory = self.factory(check, factories, &shown);
        let worker_names = self.worker_names(check, &shown);
        let builddir = self
            .get("builddir")
            .as_text()
            .map_or_else(|| directory_of(&name), str::to_owned);
        let workerbuilddir = self
            .get("workerbuilddir")
            .as_text()
            .unwrap_or(&builddir)
            .to_owned();
        let tags = self.tags(check, &shown);
        let next_worker = self.callable(check, "nextWorker");
        let next_build = self.callable(check, "nextBuild");
        let can_start_build = self.callable(check, "canStartBuild");
        let locks = match self.get("locks") {
            Value::None => Locks::default(),
            value => {
                let at = self.place(check);
                locks::read(check, value, &format!("builder {shown}"), at)
            }
        };
        let env = self.get("env").clone();
        if env.is_true() && env.as_dict().is_none() {
            self.error(check, "builder's env must be a dictionary");
        }
        let properties = self.properties(check, "properties", &format!("Builder {name} property"));
        let default_properties = self.properties(
            check,
            "defaultProperties",
            &format!("Builder {name} default property"),
        );
        let description = self.text_or_none(
            check,
            "description",
            "BuilderConfig argument description must be an instance of str or None",
        );
        let description_format = self.text_or_none(
            check,
            "description_format",
            "BuilderConfig argument description_format must be an instance of str or None",
        );
        if description_format
            .as_deref()
            .is_some_and(|format| format != "markdown")
        {
            self.error(
                check,
                "builder description format must be None or \"markdown\"",
            );
        }
        BuilderConfig {
            name,
            worker_names,
            builddir,
            workerbuilddir,
            factory,
            tags,
            next_worker,
            next_build,
            can_start_build,
            do_build_if: self.get("do_build_if").clone(),
            locks,
            env,
            properties,
            default_properties,
            collapse_requests: self.get("collapseRequests").clone(),
            description,
            description_format,
            project,
            place: self.place(check),
            object: Arc::clone(&self.object),
        }
    }

    fn name(&self, check: &mut Check<'_>) -> String {
        match self.get("name") {
            value @ (Value::Text(_) | Value::Bytes(_)) if value.is_true() => {
                let name = text_of(value).unwrap_or_default();
                if name.starts_with('_') && name != "__Janitor" {
                    let shown = repr_of_text(&name);
                    self.error(
                        check,
                        format!("builder names must not start with an underscore: {shown}"),
                    );
                }
                name
            }
            _ => {
                self.error(check, "builder's name is required");
                UNNAMED.to_owned()
            }
        }
    }

    fn text_or_none(&self, check: &mut Check<'_>, name: &str, message: &str) -> Option<String> {
        match self.get(name) {
            Value::None => None,
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.error(check, message);
                None
            }
        }
    }

    fn factory(
        &self,
        check: &mut Check<'_>,
        factories: &mut Factories,
        shown: &str,
    ) -> Option<Arc<Factory>> {
        let value = self.get("factory");
        if value.is_none() {
            self.error(check, format!("builder {shown}: has no factory"));
            return None;
        }
        let factory = value.as_object().and_then(|id| {
            factories
                .entry(id)
                .or_insert_with(|| steps::factory(check, value).map(Arc::new))
                .clone()
        });
        if factory.is_none() {
            self.error(
                check,
                format!("builder {shown}: factory is not a BuildFactory instance"),
            );
        }
        factory
    }

    fn worker_names(&self, check: &mut Check<'_>, shown: &str) -> Vec<String> {
        let several = self.get("workernames");
        if several.is_true() && !matches!(several, Value::Text(_) | Value::List(_)) {
            self.error(
                check,
                format!("builder {shown}: workernames must be a list or a string"),
            );
        }
        let one = self.get("workername");
        if one.is_true() && one.as_text().is_none() {
            let found = one.repr(check.description);
            self.error(
                check,
                format!("builder {shown}: workername must be a string but it is {found}"),
            );
        }
        let given = given_workers(&self.object.arguments);
        if given.is_empty() {
            self.error(
                check,
                format!("builder {shown}: at least one workername is required"),
            );
        }
        given.into_iter().filter_map(text_of).collect()
    }

    fn tags(&self, check: &mut Check<'_>, shown: &str) -> Vec<String> {
        let value = self.get("tags");
        if !value.is_true() {
            return Vec::new();
        }
        if !matches!(value, Value::List(_)) {
            self.error(check, format!("builder {shown}: tags must be a list"));
        }
        let items = value.as_sequence().unwrap_or_default();
        if items
            .iter()
            .any(|tag| tag.is_true() && tag.as_text().is_none())
        {
            self.error(
                check,
                format!("builder {shown}: tags list contains something that is not a string"),
            );
        }
        let tags: Vec<String> = items
            .iter()
            .filter_map(|tag| tag.as_text().map(str::to_owned))
            .collect();
        let mut repeated: Vec<&str> = Vec::new();
        for (index, tag) in tags.iter().enumerate() {
            if tags[..index].contains(tag) && !repeated.contains(&tag.as_str()) {
                repeated.push(tag);
            }
        }
        if !repeated.is_empty() {
            let repeated = repeated.join(" ");
            self.error(
                check,
                format!("builder {shown}: tags list contains duplicate tags: {repeated}"),
            );
        }
        tags
    }

    fn callable(&self, check: &mut Check<'_>, name: &str) -> Value {
        let value = self.get(name);
        if value.is_true() && !value.is_callable(check.description) {
            self.error(check, format!("{name} must be a callable"));
        }
        value.clone()
    }

    fn properties(&self, check: &mut Check<'_>, name: &str, what: &str) -> Vec<(String, Value)> {
        let pairs = self.get(name).as_dict().unwrap_or_default();
        let mut properties = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let Some(name) = text_of(name) else {
                continue;
            };
            if name.chars().count() > PROPERTY_NAME_CHARACTERS_MAX {
                self.error(
                    check,
                    format!(
                        "{what} '{name}' exceeds maximum length of {PROPERTY_NAME_CHARACTERS_MAX}"
                    ),
                );
            }
            properties.push((name, value.clone()));
        }
        properties
    }
}

/// What stands for workers in the two arguments for them; not all of it need be text.
fn given_workers(arguments: &Arguments) -> Vec<&Value> {
    let several = arguments.get("workernames").filter(|value| value.is_true());
    let mut given: Vec<&Value> = match several {
        None => Vec::new(),
        Some(value) => match value.as_sequence() {
            Some(items) => items.iter().collect(),
            None => vec![value],
        },
    };
    given.extend(arguments.get("workername").filter(|value| value.is_true()));
    given
}

/// The directory of a builder that is given none.
fn directory_of(name: &str) -> String {
    name.chars()
        .map(|character| match character {
            '\t'
            | ' '
            | '!'
            | '#'..='&'
            | '\''
            | '('..='/'
            | ':'..='@'
            | '['..=']'
            | '^'
            | '{'..='~'
                if character != '-' =>
            {
                '_'
            }
            other => other,
        })
        .collect()
}

/// Duplicates, and references to workers and projects.
pub(crate) fn cross_check(
    check: &mut Check<'_>,
    builders: &[BuilderConfig],
    workers: &[&str],
    projects: &[&str],
) {
    let known_workers: std::collections::HashSet<&str> = workers.iter().copied().collect();
    let mut names: HashMap<&str, &BuilderConfig> = HashMap::new();
    let mut directories: HashMap<&str, &BuilderConfig> = HashMap::new();
    for builder in builders {
        check_workers(check, builder, &known_workers, workers);
        let first = *names.entry(&builder.name).or_insert(builder);
        if !std::ptr::eq(first, builder) {
            report_duplicate(
                check,
                format!("duplicate builder name '{}'", builder.name),
                builder,
                first,
            );
        }
        let first = *directories.entry(&builder.builddir).or_insert(builder);
        if !std::ptr::eq(first, builder) {
            report_duplicate(
                check,
                format!("duplicate builder builddir '{}'", builder.builddir),
                builder,
                first,
            );
        }
        if let Some(project) = &builder.project
            && !projects.contains(&project.as_str())
        {
            let near = nearest(project, projects.iter().copied());
            check.report(
                Problem::error(format!(
                    "builder '{}' uses unknown project name '{project}'",
                    builder.name
                ))
                .at(builder.place.clone())
                .maybe_help(near.map(|near| format!("did you mean '{near}'?")))
                .help(format!(
                    "defined projects: {}",
                    listed(projects.iter().copied())
                )),
            );
        }
    }
}

fn check_workers(
    check: &mut Check<'_>,
    builder: &BuilderConfig,
    known: &std::collections::HashSet<&str>,
    in_order: &[&str],
) {
    let mut unknown: Vec<&Value> = Vec::new();
    for worker in given_workers(&builder.object.arguments) {
        let is_known = text_of(worker).is_some_and(|name| known.contains(name.as_str()));
        if !is_known && !unknown.contains(&worker) {
            unknown.push(worker);
        }
    }
    if unknown.is_empty() {
        return;
    }
    let shown: Vec<String> = unknown
        .iter()
        .map(|worker| worker.repr(check.description))
        .collect();
    let mut problem = Problem::error(format!(
        "builder '{}' uses unknown workers {}",
        builder.name,
        shown.join(", ")
    ))
    .at(builder.place.clone());
    for name in unknown.into_iter().filter_map(Value::as_text) {
        let near = nearest(name, in_order.iter().copied());
        problem = problem
            .maybe_help(near.map(|near| format!("did you mean '{near}' instead of '{name}'?")));
    }
    check.report(problem.help(format!(
        "defined workers: {}",
        listed(in_order.iter().copied())
    )));
}

fn report_duplicate(
    check: &mut Check<'_>,
    message: String,
    builder: &BuilderConfig,
    first: &BuilderConfig,
) {
    let of = if first.name == builder.name {
        String::new()
    } else {
        format!(" of builder '{}'", first.name)
    };
    check.report(
        Problem::error(message)
            .at(builder.place.clone())
            .maybe_help(
                first
                    .place
                    .as_ref()
                    .map(|place| format!("the first one{of} is at {place}")),
            ),
    );
}

#[cfg(test)]
mod tests {
    use super::directory_of;
    use crate::locks::{LockMode, Locks};
    use crate::testing::{builder_config, config, errors_of_builders, object};

    #[test]
    fn the_directory_of_a_builder_comes_from_its_name() {
        let check = |name: &str, expected: &str| assert_eq!(directory_of(name), expected);
        check("a b/c.d-e", "a_b_c_d-e");
        check("x_\"`é", "x_\"`é");
        check("!#$%&'()*+,./:;<=>?@[\\]^{|}~\t ", &"_".repeat(30));
        check("AZaz09", "AZaz09");
    }

    #[test]
    fn dictionaries_are_checked_as_the_constructor_checks() {
        let check = |pairs: &str, expected: &[&str]| {
            let found = errors_of_builders(&format!(r#"[{{"$": "dict", "v": [{pairs}]}}]"#));
            assert_eq!(found, expected, "{pairs}");
        };
        let rest = r#"["workernames", ["w1"]], ["factory", {"$": "o", "n": 0}]"#;
        check(&format!(r#"["name", "b1"], {rest}"#), &[]);
        check(
            &format!(r#"["name", "_b"], {rest}"#),
            &["builder names must not start with an underscore: '_b'"],
        );
        check(
            &format!(r#"["nam", "b"], {rest}"#),
            &["BuilderConfig.__init__() got an unexpected keyword argument 'nam'"],
        );
        check(
            r#"["name", "b1"]"#,
            &[
                "builder 'b1': has no factory",
                "builder 'b1': at least one workername is required",
            ],
        );
        check(
            &format!(r#"["name", "b1"], {rest}, ["tags", ["x", "x", 1]]"#),
            &[
                "builder 'b1': tags list contains something that is not a string",
                "builder 'b1': tags list contains duplicate tags: x",
            ],
        );
    }

    #[test]
    fn builders_share_typed_factories_and_locks() {
        let lock = object(
            "buildbot.locks.WorkerLock",
            r#""name": "cpu", "maxCount": 2, "maxCountForWorker": {"$": "dict", "v": [["w1", 3]]}"#,
        );
        let access = object(
            "buildbot.locks.LockAccess",
            &format!(r#""lockid": {lock}, "mode": "exclusive", "count": 1"#),
        );
        let step = object(
            "buildbot.steps.shell.ShellCommand",
            r#""name": "build", "command": ["make"], "haltOnFailure": true"#,
        );
        let factory = object(
            "buildbot.process.factory.BuildFactory",
            &format!(r#""steps": [{step}]"#),
        );
        let builder = object(
            "buildbot.config.builder.BuilderConfig",
            &format!(
                r#""name": "b", "workername": "w1", "factory": {factory}, "locks": [{access}]"#
            ),
        );
        let read = config(&format!(r#"{{"builders": [{builder}]}}"#));
        let builder = &read.builders[0];
        assert_eq!(
            (builder.builddir.as_str(), builder.worker_names.as_slice()),
            ("b", &["w1".to_owned()][..])
        );
        let step = &builder.factory.as_ref().expect("a factory").steps[0];
        assert_eq!(step.class(), "buildbot.steps.shell.ShellCommand");
        assert_eq!(
            (step.name(), step.flag("haltOnFailure")),
            (Some("build"), Some(true))
        );
        assert_eq!(
            (step.flag("flunkOnFailure"), step.is_custom()),
            (None, false)
        );
        let Locks::These(accesses) = &builder.locks else {
            panic!("{builder:?}");
        };
        assert_eq!(accesses[0].mode, LockMode::Exclusive);
        assert_eq!(
            (accesses[0].lock.name.as_str(), accesses[0].lock.max_count),
            ("cpu", 2)
        );
        assert_eq!(
            accesses[0].lock.per_worker,
            Some(vec![("w1".to_owned(), 3)])
        );
    }

    #[test]
    fn builders_refer_to_workers_and_projects() {
        let check = |arguments: &str, expected: &[&str]| {
            assert_eq!(
                errors_of_builders(&builder_config(arguments)),
                expected,
                "{arguments}"
            );
        };
        check(r#""name": "b1", "workernames": ["w1"]"#, &[]);
        check(
            r#""name": "b1", "workernames": ["w2", "w1", "w'3"]"#,
            &["builder 'b1' uses unknown workers 'w2', \"w'3\""],
        );
        check(
            r#""name": "b1", "workername": "w1", "project": "p""#,
            &["builder 'b1' uses unknown project name 'p'"],
        );
    }
}
