//! `c['schedulers']`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::arguments::{FromValue, Reader, Seconds, arguments};
use crate::builders::BuilderConfig;
use crate::check::Check;
use crate::classes::{Family, family};
use crate::description::{Description, Object};
use crate::filters::FilterKind;
use crate::parts::Part;
use crate::problem::{Problem, listed, nearest};
use crate::service::{Service, text_of};
use buildbot_render::{Callable, Value};

/// A scheduler.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduler {
    /// Name, class, place.
    pub service: Service,
    /// The builders that it asks.
    pub builder_names: BuilderNames,
    /// What most schedulers have.
    pub common: CommonArguments,
    /// What its kind adds.
    pub kind: SchedulerKind,
}

/// The argument `builderNames`.
#[derive(Debug, Clone, PartialEq)]
pub enum BuilderNames {
    /// These; an element may be a renderable.
    These(Vec<Value>),
    /// Known when a buildset is made.
    Renderable(Value),
    /// Not among the arguments: a class of the user's finds them.
    Unknown,
}

arguments! {
    /// What most schedulers have.
    pub struct CommonArguments {
        properties: Value = "properties",
        codebases: Value = "codebases",
        priority: Value = "priority",
        reason: Option<String> = "reason",
    }
}

/// The kinds of schedulers.
#[derive(Debug, Clone, PartialEq)]
pub enum SchedulerKind {
    /// Changes of one branch, together.
    SingleBranch(Box<ChangeArguments>),
    /// Changes of each branch for itself.
    AnyBranch(Box<ChangeArguments>),
    /// After the success of another scheduler's builds.
    Dependent(DependentArguments),
    /// Every so many seconds.
    Periodic(PeriodicArguments, Box<TimedArguments>),
    /// At times like those of cron.
    Nightly(Box<NightlyArguments>, Box<TimedArguments>),
    /// At such times, if it was triggered.
    NightlyTriggerable(Box<NightlyArguments>, Box<TimedArguments>),
    /// When a step asks.
    Triggerable,
    /// When a person asks.
    Force(Box<ForceArguments>),
    /// Files that a client puts into a directory.
    TryJobdir(TryJobdirArguments),
    /// A client that connects.
    TryUserpass(TryUserpassArguments),
    /// A class of the user's.
    Custom,
}

arguments! {
    /// What schedulers have that follow changes.
    pub struct ChangeArguments {
        tree_stable_timer: Option<Seconds> = "treeStableTimer",
        branch: Option<Value> = "branch",
        branches: Value = "branches",
        categories: Value = "categories",
        file_is_important: Option<Callable> = "fileIsImportant",
        change_filter: Option<Part<FilterKind>> = "change_filter",
        only_important: bool = "onlyImportant",
        create_absolute_source_stamps: bool = "createAbsoluteSourceStamps",
    }
}

arguments! {
    /// What a dependent scheduler has.
    pub struct DependentArguments {
        upstream: Upstream = "upstream",
    }
}

arguments! {
    /// What a periodic scheduler has.
    pub struct PeriodicArguments {
        periodic_build_timer: Seconds = "periodicBuildTimer",
    }
}

arguments! {
    /// What schedulers have that look at the clock.
    pub struct TimedArguments {
        only_if_changed: bool = "onlyIfChanged",
        create_absolute_source_stamps: bool = "createAbsoluteSourceStamps",
        branch: Option<Value> = "branch",
        change_filter: Option<Part<FilterKind>> = "change_filter",
        file_is_important: Option<Callable> = "fileIsImportant",
        only_important: bool = "onlyImportant",
    }
}

arguments! {
    /// When a nightly scheduler acts. A field is a number, several, or a text as in cron.
    pub struct NightlyArguments {
        minute: Value = "minute" or Value::Int(0),
        hour: Value = "hour" or "*".into(),
        day_of_month: Value = "dayOfMonth" or "*".into(),
        month: Value = "month" or "*".into(),
        day_of_week: Value = "dayOfWeek" or "*".into(),
        force_at_minute: Value = "force_at_minute",
        force_at_hour: Value = "force_at_hour",
        force_at_day_of_month: Value = "force_at_day_of_month",
        force_at_month: Value = "force_at_month",
        force_at_day_of_week: Value = "force_at_day_of_week",
    }
}

arguments! {
    /// What a force scheduler has. The parameters are objects of the description.
    pub struct ForceArguments {
        username: Option<Arc<Object>> = "username",
        reason: Option<Arc<Object>> = "reason",
        reason_string: Option<String> = "reasonString",
        button_name: Option<String> = "buttonName",
        codebases: Value = "codebases",
        label: Option<String> = "label",
        properties: Vec<Arc<Object>> = "properties",
        priority: Option<Arc<Object>> = "priority",
    }
}

arguments! {
    /// What the directory of a try scheduler is.
    pub struct TryJobdirArguments {
        jobdir: String = "jobdir",
    }
}

arguments! {
    /// Where a try scheduler listens, and to whom.
    pub struct TryUserpassArguments {
        port: Value = "port",
        userpass: buildbot_model::Secret<Value> = "userpass"
            or buildbot_model::Secret::new(Value::None),
    }
}

/// The name of the scheduler that another one follows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Upstream(pub String);

impl FromValue for Upstream {
    const EXPECTED: &'static str = "another scheduler";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        let object = description.object_of(value)?;
        Some(Self(crate::service::name_of(object)))
    }
}

impl Scheduler {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.service.name
    }
}

pub(crate) fn read(check: &mut Check<'_>) -> Vec<Scheduler> {
    const MESSAGE: &str = "c['schedulers'] must be a list of Scheduler instances";
    let Some(value) = check.key("schedulers") else {
        return Vec::new();
    };
    let items = value.as_sequence().unwrap_or_default();
    let is_scheduler = |check: &Check<'_>, item: &Value| {
        check
            .object(item)
            .is_some_and(|(_, object)| family(&object.class) == Some(Family::Scheduler))
    };
    let stranger = items.iter().find(|item| !is_scheduler(check, item));
    if value.as_sequence().is_none() {
        check.error_in_key("schedulers", MESSAGE);
    } else if let Some(stranger) = stranger {
        let shown = stranger.repr(check.description);
        let at = check.place_of_value(stranger, "schedulers");
        check.report(
            Problem::error(MESSAGE)
                .at(at)
                .help(format!("{shown} is not one")),
        );
    }
    let mut schedulers: Vec<Scheduler> = Vec::with_capacity(items.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in items {
        if !is_scheduler(check, item) {
            continue;
        }
        let Some(scheduler) = read_one(check, item) else {
            continue;
        };
        match seen.get(scheduler.name()).copied() {
            Some(index) => {
                let other = schedulers[index].service.place.as_ref();
                let other = other.map(|place| format!("the first one is at {place}"));
                check.report(
                    Problem::error(format!(
                        "scheduler name '{}' used multiple times",
                        scheduler.name()
                    ))
                    .at(scheduler.service.place.clone())
                    .maybe_help(other),
                );
                // The last one counts, at the place of the first one.
                schedulers[index] = scheduler;
            }
            None => {
                seen.insert(scheduler.name().to_owned(), schedulers.len());
                schedulers.push(scheduler);
            }
        }
    }
    schedulers
}

fn read_one(check: &mut Check<'_>, item: &Value) -> Option<Scheduler> {
    let (id, object) = check.object(item)?;
    let service = Service::read(check, id)?;
    let mut reader = Reader::new(check.description, object);
    let kind = read_kind(&mut reader);
    let common = match &kind {
        // Its `properties`, `codebases` and `reason` are parameters of a form.
        SchedulerKind::Force(_) => CommonArguments {
            properties: Value::None,
            codebases: Value::None,
            priority: Value::None,
            reason: None,
        },
        _ => CommonArguments::read(&mut reader),
    };
    reader.finish(check, id, &service.name);
    let builder_names = builder_names(object);
    let scheduler = Scheduler {
        service,
        builder_names,
        common,
        kind,
    };
    refuse_wrong_branches(check, &scheduler);
    Some(scheduler)
}

fn builder_names(object: &Object) -> BuilderNames {
    if object.overrides("listBuilderNames") {
        return BuilderNames::Unknown;
    }
    match object.arguments.get("builderNames") {
        None => BuilderNames::Unknown,
        Some(Value::List(names) | Value::Tuple(names)) => BuilderNames::These(names.clone()),
        // The constructor has complained; the reference goes on with the letters of the text.
        Some(Value::Text(text)) => BuilderNames::These(
            text.chars()
                .map(|letter| Value::Text(letter.to_string()))
                .collect(),
        ),
        Some(other) => BuilderNames::Renderable(other.clone()),
    }
}

pub(crate) fn read_kind(reader: &mut Reader<'_>) -> SchedulerKind {
    let class = reader.object.class.as_str();
    match class.strip_prefix("buildbot.schedulers.").unwrap_or(class) {
        "basic.SingleBranchScheduler" | "basic.Scheduler" => {
            SchedulerKind::SingleBranch(Box::new(read_changes(reader)))
        }
        "basic.AnyBranchScheduler" => SchedulerKind::AnyBranch(Box::new(read_changes(reader))),
        "dependent.Dependent" | "basic.Dependent" => {
            SchedulerKind::Dependent(DependentArguments::read(reader))
        }
        "timed.Periodic" => SchedulerKind::Periodic(
            PeriodicArguments::read(reader),
            Box::new(TimedArguments::read(reader)),
        ),
        "timed.Nightly" => SchedulerKind::Nightly(
            Box::new(NightlyArguments::read(reader)),
            Box::new(TimedArguments::read(reader)),
        ),
        "timed.NightlyTriggerable" => SchedulerKind::NightlyTriggerable(
            Box::new(NightlyArguments::read(reader)),
            Box::new(TimedArguments::read(reader)),
        ),
        "triggerable.Triggerable" => SchedulerKind::Triggerable,
        "forcesched.ForceScheduler" => SchedulerKind::Force(Box::new(ForceArguments::read(reader))),
        "trysched.Try_Jobdir" => SchedulerKind::TryJobdir(TryJobdirArguments::read(reader)),
        "trysched.Try_Userpass" => SchedulerKind::TryUserpass(TryUserpassArguments::read(reader)),
        _ => SchedulerKind::Custom,
    }
}

/// An explicit `branch=None` is the default branch, and not the same as no `branch`.
fn read_changes(reader: &mut Reader<'_>) -> ChangeArguments {
    let mut arguments = ChangeArguments::read(reader);
    arguments.branch = reader.object.arguments.get("branch").cloned();
    arguments
}

/// What the reference notices only when it starts the scheduler.
fn refuse_wrong_branches(check: &mut Check<'_>, scheduler: &Scheduler) {
    let is_single = match &scheduler.kind {
        SchedulerKind::SingleBranch(_) => true,
        SchedulerKind::AnyBranch(_) => false,
        _ => return,
    };
    let given = &scheduler.service.object.arguments;
    let is_given = |name: &str| given.get(name).is_some_and(|value| !value.is_none());
    let has_filter = is_given("change_filter");
    let old_style = given.get("branch").is_some() || is_given("branches") || is_given("categories");
    let refuse = |check: &mut Check<'_>, message: &str| {
        check.refuse_at_start(
            Problem::warning(message)
                .at(scheduler.service.place.clone())
                .help(format!(
                    "scheduler '{}' passes this check, but does not start",
                    scheduler.name()
                )),
        );
    };
    if is_single && given.get("branch").is_none() && !has_filter {
        refuse(
            check,
            "the 'branch' argument to SingleBranchScheduler is mandatory unless change_filter is provided",
        );
    } else if has_filter && old_style {
        refuse(
            check,
            "cannot specify both change_filter and branch or categories",
        );
    }
    if is_single && is_given("branches") {
        refuse(
            check,
            "the 'branches' argument is not allowed for SingleBranchScheduler",
        );
    }
}

/// Builders that nothing schedules.
pub(crate) fn check_all_scheduled(
    check: &mut Check<'_>,
    schedulers: &[Scheduler],
    builders: &[BuilderConfig],
) {
    let mut scheduled = std::collections::HashSet::new();
    for scheduler in schedulers {
        match &scheduler.builder_names {
            BuilderNames::Renderable(_) | BuilderNames::Unknown => return,
            BuilderNames::These(names) => {
                for name in names {
                    if name.is_renderable() {
                        return;
                    }
                    scheduled.extend(text_of(name));
                }
            }
        }
    }
    let mut reported = std::collections::HashSet::new();
    let alone: Vec<&BuilderConfig> = builders
        .iter()
        .filter(|builder| !scheduled.contains(&builder.name))
        .filter(|builder| reported.insert(builder.name.as_str()))
        .collect();
    let Some(first) = alone.first() else {
        return;
    };
    let names: Vec<&str> = alone.iter().map(|builder| builder.name.as_str()).collect();
    check.report(
        Problem::error(format!(
            "builder(s) {} have no schedulers to drive them",
            names.join(", ")
        ))
        .at(first.place.clone())
        .help("name them in builderNames of a scheduler; a ForceScheduler is enough"),
    );
}

/// Schedulers that name builders which do not exist.
pub(crate) fn check_targets(
    check: &mut Check<'_>,
    schedulers: &[Scheduler],
    builders: &[BuilderConfig],
) {
    let known: std::collections::HashSet<&str> = builders
        .iter()
        .map(|builder| builder.name.as_str())
        .collect();
    for scheduler in schedulers {
        let BuilderNames::These(names) = &scheduler.builder_names else {
            continue;
        };
        for name in names.iter().filter(|name| !name.is_renderable()) {
            let shown = text_of(name).unwrap_or_else(|| name.repr(check.description));
            if name.as_text().is_some_and(|name| known.contains(name)) {
                continue;
            }
            let names = || builders.iter().map(|builder| builder.name.as_str());
            let near = nearest(&shown, names());
            check.report(
                Problem::error(format!(
                    "Unknown builder '{shown}' in scheduler '{}'",
                    scheduler.name()
                ))
                .at(scheduler.service.place.clone())
                .maybe_help(near.map(|near| format!("did you mean '{near}'?")))
                .help(format!("defined builders: {}", listed(names()))),
            );
        }
    }
}

/// Upstream schedulers that are not in the list: what they would have started never comes.
pub(crate) fn warn_of_unknown_upstreams(check: &mut Check<'_>, schedulers: &[Scheduler]) {
    let known: std::collections::HashSet<&str> = schedulers.iter().map(Scheduler::name).collect();
    for scheduler in schedulers {
        if let SchedulerKind::Dependent(DependentArguments { upstream }) = &scheduler.kind
            && !upstream.0.is_empty()
            && !known.contains(upstream.0.as_str())
        {
            check.report(
                Problem::warning(format!(
                    "scheduler '{}' waits for scheduler '{}', which is not in c['schedulers']",
                    scheduler.name(),
                    upstream.0
                ))
                .at(scheduler.service.place.clone())
                .help(format!(
                    "defined schedulers: {}",
                    listed(schedulers.iter().map(Scheduler::name))
                )),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BuilderNames, Scheduler, SchedulerKind};
    use crate::arguments::Seconds;
    use crate::testing::{config, errors_of_schedulers, object, refused, warnings};
    use buildbot_render::Value;

    fn read(class: &str, arguments: &str) -> Scheduler {
        let scheduler = object(
            &format!("buildbot.schedulers.{class}"),
            &format!(r#""name": "s", "builderNames": ["b1"], {arguments}"#),
        );
        config(&format!(r#"{{"schedulers": [{scheduler}]}}"#))
            .schedulers
            .remove(0)
    }

    fn triggerable(arguments: &str) -> String {
        object("buildbot.schedulers.triggerable.Triggerable", arguments)
    }

    #[test]
    fn schedulers_name_builders_that_exist() {
        let check = |schedulers: &str, expected: &[&str]| {
            assert_eq!(errors_of_schedulers(schedulers), expected, "{schedulers}");
        };
        check(
            &format!(
                "[{}]",
                triggerable(r#""name": "t", "builderNames": ["b1"]"#)
            ),
            &[],
        );
        check("[]", &["builder(s) b1 have no schedulers to drive them"]);
        check(
            &format!(
                "[{}]",
                triggerable(r#""name": "t", "builderNames": ["b1", "q"]"#)
            ),
            &["Unknown builder 'q' in scheduler 't'"],
        );
        check(
            &format!(
                "[{}]",
                triggerable(r#""name": "t", "builderNames": [{"$": "Property", "key": "x"}]"#)
            ),
            &[],
        );
        check(
            &format!(
                "[{}]",
                triggerable(r#""name": "t", "builderNames": {"$": "Property", "key": "x"}"#)
            ),
            &[],
        );
    }

    #[test]
    fn what_is_no_scheduler_is_refused() {
        let check = |schedulers: &str| {
            assert_eq!(
                errors_of_schedulers(schedulers)[0],
                "c['schedulers'] must be a list of Scheduler instances",
                "{schedulers}"
            );
        };
        check("null");
        check("[5]");
        check(r#"[{"$": "o", "n": 0}]"#);
    }

    #[test]
    fn names_are_used_once() {
        let scheduler = triggerable(r#""name": "t", "builderNames": ["b1"]"#);
        assert_eq!(
            errors_of_schedulers(&format!("[{scheduler}, {scheduler}]")),
            ["scheduler name 't' used multiple times"]
        );
    }

    #[test]
    fn a_branch_scheduler_without_a_branch_is_refused_at_start() {
        let check = |arguments: &str, expected: &[&str]| {
            let scheduler = object(
                "buildbot.schedulers.basic.SingleBranchScheduler",
                &format!(r#""name": "s", "builderNames": [] {arguments}"#),
            );
            let found = refused(&format!(r#"{{"schedulers": [{scheduler}]}}"#));
            let starts: Vec<&str> = found
                .iter()
                .filter_map(|problem| problem.message.split(' ').nth(1))
                .collect();
            assert_eq!(starts, expected, "{arguments}");
        };
        check("", &["'branch'"]);
        check(r#", "branch": null"#, &[]);
        check(
            r#", "branch": "x", "change_filter": {"$": "o", "n": 0}"#,
            &["specify"],
        );
        check(r#", "branch": "x", "branches": ["y"]"#, &["'branches'"]);
    }

    #[test]
    fn schedulers_are_typed() {
        let scheduler = read(
            "basic.SingleBranchScheduler",
            r#""treeStableTimer": 60, "branch": null, "onlyImportant": 1"#,
        );
        assert_eq!(
            scheduler.builder_names,
            BuilderNames::These(vec!["b1".into()])
        );
        let SchedulerKind::SingleBranch(arguments) = &scheduler.kind else {
            panic!("{scheduler:?}");
        };
        assert_eq!(arguments.tree_stable_timer, Some(Seconds(60.0)));
        assert_eq!(arguments.branch, Some(Value::None));
        assert!(arguments.only_important);
        let scheduler = read("timed.Nightly", r#""hour": [3, 4], "onlyIfChanged": true"#);
        let SchedulerKind::Nightly(times, timed) = &scheduler.kind else {
            panic!("{scheduler:?}");
        };
        assert_eq!(times.hour, Value::List(vec![3.into(), 4.into()]));
        assert_eq!((&times.minute, &times.month), (&0.into(), &"*".into()));
        assert!(timed.only_if_changed);
        let scheduler = read("basic.BaseBasicScheduler", r#""priority": 3"#);
        assert_eq!(scheduler.kind, SchedulerKind::Custom);
        assert_eq!(scheduler.common.priority, 3.into());
    }

    #[test]
    fn an_upstream_that_is_not_configured_is_a_warning() {
        let upstream = triggerable(r#""name": "up", "builderNames": []"#);
        let scheduler = object(
            "buildbot.schedulers.dependent.Dependent",
            &format!(r#""name": "d", "builderNames": [], "upstream": {upstream}"#),
        );
        let found = warnings(&format!(r#"{{"schedulers": [{scheduler}]}}"#));
        assert!(found[0].message.contains("waits for scheduler 'up'"));
    }
}
