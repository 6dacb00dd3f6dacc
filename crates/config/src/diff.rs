//! What one configuration would change in another.
//!
//! Values are compared by what they are made of: classes, arguments, changed attributes; never by handles,
//! places, or numbers of objects. Code is compared by its name, because nothing else of it is known.

mod compare;
mod show;
mod steps;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use serde::Serialize;

use crate::description::{Arguments, Description, Object};
use crate::master::MasterConfig;
use crate::service::Service;
use buildbot_render::Value;

use compare::{Comparison, without_passwords};
pub use steps::{StepChange, StepChangeKind};

/// The keys whose elements are compared by their names.
const LISTS: &[&str] = &[
    "builders",
    "change_source",
    "configurators",
    "machines",
    "schedulers",
    "secretsProviders",
    "services",
    "workers",
];

/// All that would change.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Builders and their steps.
    pub builders: Changes,
    /// Schedulers.
    pub schedulers: Changes,
    /// Workers.
    pub workers: Changes,
    /// Change sources.
    pub change_sources: Changes,
    /// Machines.
    pub machines: Changes,
    /// Reporters and other services.
    pub services: Changes,
    /// Secrets providers.
    pub secrets_providers: Changes,
    /// The other keys of `BuildmasterConfig`; `www['port']` for a part of one.
    pub keys: Vec<ArgumentChange>,
}

/// What would change among things of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Names of new ones.
    pub added: Vec<String>,
    /// Names of those that are gone.
    pub removed: Vec<String>,
    /// Those that are otherwise than before.
    pub altered: Vec<Altered>,
}

/// Something that is otherwise than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Altered {
    /// Its name.
    pub name: String,
    /// Its arguments that are different.
    pub arguments: Vec<ArgumentChange>,
    /// The steps of a builder that are different.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepChange>,
}

/// An argument that is different. Secrets and long values are shortened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArgumentChange {
    /// Its name.
    pub argument: String,
    /// What it was, in Python's form; `None` if it was not given.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

impl Difference {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.parts().iter().all(|(_, changes)| changes.is_empty())
    }

    /// The kinds of things, with the word for them.
    fn parts(&self) -> [(&'static str, &Changes); 7] {
        [
            ("builders", &self.builders),
            ("schedulers", &self.schedulers),
            ("workers", &self.workers),
            ("change sources", &self.change_sources),
            ("machines", &self.machines),
            ("services", &self.services),
            ("secrets providers", &self.secrets_providers),
        ]
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.altered.is_empty()
    }
}

/// A configuration with the description that its values refer to.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The description.
    pub description: &'a Description,
    /// What was read from it.
    pub config: &'a MasterConfig,
}

/// What changes from `old` to `new`.
pub fn diff(old: Side<'_>, new: Side<'_>) -> Difference {
    let known = RefCell::default();
    let depth = Cell::new(0);
    let comparison = Comparison {
        old: old.description,
        new: new.description,
        known: &known,
        depth: &depth,
    };
    let services = |old: &[Service], new: &[Service]| {
        let named = |services: &[Service]| -> Vec<(String, std::sync::Arc<Object>)> {
            services
                .iter()
                .map(|service| (service.name.clone(), service.object.clone()))
                .collect()
        };
        changes(&named(old), &named(new), |name, old, new| {
            altered(name, object_changes(comparison, old, new), Vec::new())
        })
    };
    let collect = |items: Vec<&Service>| -> Vec<Service> { items.into_iter().cloned().collect() };
    let (a, b) = (old.config, new.config);
    Difference {
        builders: builder_changes(comparison, a, b),
        schedulers: services(
            &collect(a.schedulers.iter().map(|item| &item.service).collect()),
            &collect(b.schedulers.iter().map(|item| &item.service).collect()),
        ),
        workers: services(
            &collect(a.workers.iter().map(|item| &item.service).collect()),
            &collect(b.workers.iter().map(|item| &item.service).collect()),
        ),
        change_sources: services(
            &collect(a.change_sources.iter().map(|item| &item.service).collect()),
            &collect(b.change_sources.iter().map(|item| &item.service).collect()),
        ),
        machines: services(
            &collect(a.machines.iter().map(|item| &item.service).collect()),
            &collect(b.machines.iter().map(|item| &item.service).collect()),
        ),
        services: services(
            &collect(a.services.iter().map(|item| &item.service).collect()),
            &collect(b.services.iter().map(|item| &item.service).collect()),
        ),
        secrets_providers: services(
            &collect(
                a.secrets_providers
                    .iter()
                    .map(|item| &item.service)
                    .collect(),
            ),
            &collect(
                b.secrets_providers
                    .iter()
                    .map(|item| &item.service)
                    .collect(),
            ),
        ),
        keys: key_changes(comparison),
    }
}

fn altered(name: &str, arguments: Vec<ArgumentChange>, steps: Vec<StepChange>) -> Option<Altered> {
    (!arguments.is_empty() || !steps.is_empty()).then(|| Altered {
        name: without_passwords(name),
        arguments,
        steps,
    })
}

/// Pairs things by their names; `compare` looks at each pair.
fn changes<T>(
    old: &[(String, T)],
    new: &[(String, T)],
    mut compare: impl FnMut(&str, &T, &T) -> Option<Altered>,
) -> Changes {
    let before: HashMap<&str, &T> = old
        .iter()
        .map(|(name, item)| (name.as_str(), item))
        .collect();
    let after: HashMap<&str, &T> = new
        .iter()
        .map(|(name, item)| (name.as_str(), item))
        .collect();
    let names = |items: &[(String, T)], known: &HashMap<&str, &T>| -> Vec<String> {
        items
            .iter()
            .filter(|(name, _)| !known.contains_key(name.as_str()))
            .map(|(name, _)| without_passwords(name))
            .collect()
    };
    Changes {
        added: names(new, &before),
        removed: names(old, &after),
        altered: new
            .iter()
            .filter_map(|(name, item)| compare(name, before.get(name.as_str())?, item))
            .collect(),
    }
}

fn builder_changes(comparison: Comparison<'_>, old: &MasterConfig, new: &MasterConfig) -> Changes {
    let named = |config: &MasterConfig| -> Vec<(String, crate::BuilderConfig)> {
        config
            .builders
            .iter()
            .map(|builder| (builder.name.clone(), builder.clone()))
            .collect()
    };
    let mut known = steps::Known::default();
    changes(&named(old), &named(new), |name, old, new| {
        let mut arguments = argument_changes(
            comparison,
            &without_factory(&old.object.arguments),
            &without_factory(&new.object.arguments),
        );
        let steps = match (&old.factory, &new.factory) {
            (Some(old), Some(new)) => {
                let factories = steps::factory_changes(comparison, &mut known, old, new);
                arguments.extend(factories.arguments);
                factories.steps
            }
            _ => Vec::new(),
        };
        altered(name, arguments, steps)
    })
}

fn without_factory(arguments: &Arguments) -> Arguments {
    Arguments(
        arguments
            .0
            .iter()
            .filter(|(name, _)| name != "factory")
            .cloned()
            .collect(),
    )
}

/// Class, arguments and attributes of two objects.
fn object_changes(comparison: Comparison<'_>, old: &Object, new: &Object) -> Vec<ArgumentChange> {
    let mut changes = Vec::new();
    if old.own_class() != new.own_class() || old.class != new.class {
        changes.push(ArgumentChange {
            argument: "class".to_owned(),
            old: Some(old.own_class().to_owned()),
            new: Some(new.own_class().to_owned()),
        });
    }
    changes.extend(argument_changes(comparison, &old.arguments, &new.arguments));
    changes.extend(argument_changes(comparison, &old.attrs, &new.attrs));
    changes
}

fn argument_changes(
    comparison: Comparison<'_>,
    old: &Arguments,
    new: &Arguments,
) -> Vec<ArgumentChange> {
    let gone = old.iter().filter(|(name, _)| new.get(name).is_none());
    let gone = gone.map(|(name, value)| (name, Some(value), None));
    let here = new
        .iter()
        .map(|(name, value)| (name, old.get(name), Some(value)));
    here.chain(gone)
        .filter(|(_, old, new)| match (old, new) {
            (Some(old), Some(new)) => !comparison.same(old, new),
            _ => true,
        })
        .map(|(name, old, new)| comparison.change(name, name, old, new))
        .collect()
}

fn key_changes(comparison: Comparison<'_>) -> Vec<ArgumentChange> {
    let (old, new) = (&comparison.old.config, &comparison.new.config);
    let gone = old.iter().filter(|(key, _)| new.get(key).is_none());
    let gone = gone.map(|(key, value)| (key, Some(value), None));
    let here = new
        .iter()
        .map(|(key, value)| (key, old.get(key), Some(value)));
    let mut changes = Vec::new();
    for (key, old, new) in here.chain(gone) {
        if LISTS.contains(&key) {
            continue;
        }
        match (old, new) {
            (Some(Value::Dict(old)), Some(Value::Dict(new))) => {
                changes.extend(part_changes(comparison, key, old, new));
            }
            (Some(old), Some(new)) if comparison.same(old, new) => {}
            _ => changes.push(comparison.change(key, key, old, new)),
        }
    }
    changes
}

fn part_changes(
    comparison: Comparison<'_>,
    key: &str,
    old: &[(Value, Value)],
    new: &[(Value, Value)],
) -> Vec<ArgumentChange> {
    let find = |pairs: &[(Value, Value)], wanted: &Value| -> Option<Value> {
        let found = pairs.iter().find(|(name, _)| name == wanted)?;
        Some(found.1.clone())
    };
    let mut changes = Vec::new();
    let mut add = |name: &Value, old: Option<Value>, new: Option<Value>| {
        let is_same = match (&old, &new) {
            (Some(old), Some(new)) => comparison.same(old, new),
            _ => false,
        };
        if !is_same {
            let shown = format!("{key}[{}]", name.repr(comparison.new));
            let plain = name.as_text().unwrap_or_default();
            changes.push(comparison.change(&shown, plain, old.as_ref(), new.as_ref()));
        }
    };
    for (name, value) in new {
        add(name, find(old, name), Some(value.clone()));
    }
    for (name, value) in old {
        if find(new, name).is_none() {
            add(name, Some(value.clone()), None);
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::{Difference, Side, diff};
    use crate::check::Sources;
    use crate::master::read;
    use crate::testing::{description, object};

    fn difference(old: &str, new: &str) -> Difference {
        let (old, new) = (description(old), description(new));
        let (a, b) = (
            read(&old, Sources::NONE).config,
            read(&new, Sources::NONE).config,
        );
        diff(
            Side {
                description: &old,
                config: &a,
            },
            Side {
                description: &new,
                config: &b,
            },
        )
    }

    fn worker(name: &str, more: &str) -> String {
        object(
            "buildbot.worker.base.Worker",
            &format!(r#""name": "{name}", "password": "p"{more}"#),
        )
    }

    fn builder(name: &str, steps: &str) -> String {
        let factory = object(
            "buildbot.process.factory.BuildFactory",
            &format!(r#""steps": [{steps}]"#),
        );
        object(
            "buildbot.config.builder.BuilderConfig",
            &format!(r#""name": "{name}", "workernames": ["w"], "factory": {factory}"#),
        )
    }

    fn step(command: &str) -> String {
        object(
            "buildbot.steps.shell.ShellCommand",
            &format!(r#""command": "{command}""#),
        )
    }

    fn check(old: &str, new: &str, expected: &str) {
        let found = difference(old, new).to_string();
        assert_eq!(found.trim_end(), expected.trim_end(), "{old}\n{new}");
    }

    #[test]
    fn the_same_configuration_changes_nothing() {
        let config = format!(r#"{{"workers": [{}], "title": "x"}}"#, worker("a", ""));
        assert!(difference(&config, &config).is_empty());
        check(&config, &config, "nothing would change");
    }

    #[test]
    fn things_are_paired_by_their_names() {
        check(
            &format!(
                r#"{{"workers": [{}, {}]}}"#,
                worker("a", ""),
                worker("b", "")
            ),
            &format!(
                r#"{{"workers": [{}, {}]}}"#,
                worker("b", r#", "max_builds": 2"#),
                worker("c", "")
            ),
            "workers:\n  + c\n  - a\n  ~ b\n      max_builds: (default) → 2",
        );
    }

    #[test]
    fn passwords_are_not_shown() {
        let other = worker("a", "").replace(r#""p""#, r#""q""#);
        check(
            &format!(r#"{{"workers": [{}]}}"#, worker("a", "")),
            &format!(r#"{{"workers": [{other}]}}"#),
            "workers:\n  ~ a\n      password: … → …",
        );
    }

    #[test]
    fn steps_are_aligned() {
        let config = |steps: &str| format!(r#"{{"builders": [{}]}}"#, builder("b", steps));
        check(
            &config(&format!("{}, {}, {}", step("a"), step("b"), step("c"))),
            &config(&format!("{}, {}, {}", step("a"), step("x"), step("c"))),
            "builders:\n  ~ b\n      step 2 ShellCommand: command: 'b' → 'x'",
        );
        check(
            &config(&format!("{}, {}", step("a"), step("c"))),
            &config(&format!("{}, {}, {}", step("a"), step("b"), step("c"))),
            "builders:\n  ~ b\n      step 2 ShellCommand: added",
        );
        check(
            &config(&format!("{}, {}", step("a"), step("c"))),
            &config(&step("c")),
            "builders:\n  ~ b\n      step 1 ShellCommand: removed",
        );
    }

    #[test]
    fn keys_are_compared_by_their_parts() {
        check(
            r#"{"title": "a", "www": {"$": "dict", "v": [["port", 1], ["debug", true]]}}"#,
            r#"{"titleURL": "b", "www": {"$": "dict", "v": [["port", 2], ["debug", true]]}}"#,
            "other keys:\n  titleURL: (default) → 'b'\n  www['port']: 1 → 2\n  title: 'a' → (default)",
        );
    }

    #[test]
    fn schedulers_are_referred_to_by_name() {
        let config = |timer: u32| {
            let upstream = object(
                "buildbot.schedulers.timed.Periodic",
                &format!(r#""name": "up", "builderNames": [], "periodicBuildTimer": {timer}"#),
            );
            let dependent = object(
                "buildbot.schedulers.dependent.Dependent",
                &format!(r#""name": "d", "builderNames": [], "upstream": {upstream}"#),
            );
            format!(r#"{{"schedulers": [{dependent}]}}"#)
        };
        check(&config(1), &config(2), "nothing would change");
    }

    #[test]
    fn code_is_the_same_if_its_name_is() {
        let config = |handle: u32, name: &str| {
            format!(
                r#"{{"prioritizeBuilders": {{"$": "fn", "h": {handle}, "name": "{name}", "at": [0, {handle}]}}}}"#
            )
        };
        check(&config(1, "f"), &config(2, "f"), "nothing would change");
        check(
            &config(1, "f"),
            &config(1, "g"),
            "other keys:\n  prioritizeBuilders: <function f> → <function g>",
        );
    }
}
