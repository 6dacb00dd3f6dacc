//! A scheduler's configuration, ready to be used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{
    BuilderNames, ChangeArguments, Description, NightlyArguments, Object, Part,
    Scheduler as Configured, SchedulerKind, Seconds, TimedArguments, filters::FilterKind,
};
use buildbot_render::{Callable, Value};

use crate::cron::Cron;
use crate::filter::{Filter, SharedFilter, texts};
use crate::force::Form;
use crate::set::Refused;

/// What never changes while a configuration is in force.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    /// The generation of the configuration, whose code is asked.
    pub(crate) generation: u64,
    /// The class as the user knows it, without its module.
    pub(crate) class: String,
    /// The class as the row of `objects` has it that keeps its state.
    pub(crate) state_class: String,
    pub(crate) builder_names: Value,
    pub(crate) properties: Vec<(String, Value)>,
    pub(crate) codebases: BTreeMap<String, Codebase>,
    pub(crate) priority: Priority,
    pub(crate) reason: Option<String>,
    pub(crate) kind: Kind,
}

/// What a codebase has that no change tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Codebase {
    pub(crate) branch: Option<String>,
    pub(crate) repository: String,
    pub(crate) revision: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Priority {
    Number(i64),
    Ask(Callable),
}

#[derive(Debug)]
pub(crate) enum Kind {
    Changes(Box<ChangePlan>),
    Timed(Box<TimedPlan>),
    Dependent { upstream: String },
    Triggerable,
    Force(Box<Form>),
    TryJobdir,
    TryUserpass,
}

/// Which changes are taken.
#[derive(Debug, Default)]
pub(crate) struct IntakePlan {
    pub(crate) filter: SharedFilter,
    pub(crate) file_is_important: Option<Callable>,
    pub(crate) only_important: bool,
}

#[derive(Debug)]
pub(crate) struct ChangePlan {
    pub(crate) intake: IntakePlan,
    pub(crate) tree_stable_timer: Option<Duration>,
    /// Each branch has its own timer.
    pub(crate) is_any_branch: bool,
    pub(crate) absolute: bool,
}

#[derive(Debug)]
pub(crate) struct TimedPlan {
    pub(crate) intake: IntakePlan,
    pub(crate) when: When,
    pub(crate) only_if_changed: bool,
    pub(crate) absolute: bool,
    /// Only changes of this branch are recorded.
    pub(crate) branch: Option<Option<String>>,
    /// It acts only if it was triggered.
    pub(crate) is_triggerable: bool,
}

#[derive(Debug)]
pub(crate) enum When {
    Every(Duration),
    At {
        cron: Box<Cron>,
        force_at: Option<Box<Cron>>,
    },
}

impl Plan {
    pub(crate) fn new(
        configured: &Configured,
        generation: u64,
        description: &Description,
    ) -> Result<Self, Refused> {
        read(configured, generation, description).map_err(|reason| Refused {
            scheduler: configured.name().to_owned(),
            reason,
        })
    }

    pub(crate) fn intake(&self) -> Option<&IntakePlan> {
        match &self.kind {
            Kind::Changes(plan) => Some(&plan.intake),
            Kind::Timed(plan) if plan.consumes() => Some(&plan.intake),
            Kind::Timed(_)
            | Kind::Dependent { .. }
            | Kind::Triggerable
            | Kind::Force(_)
            | Kind::TryJobdir
            | Kind::TryUserpass => None,
        }
    }

    /// Whether it keeps the last source stamp of each codebase.
    pub(crate) fn is_absolute(&self) -> bool {
        match &self.kind {
            Kind::Changes(plan) => plan.absolute,
            Kind::Timed(plan) => plan.absolute,
            _ => false,
        }
    }

    /// Whether both are of one kind, so that one goes on with what the other has begun.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.class == other.class && self.state_class == other.state_class
    }

    pub(crate) fn reason(&self) -> String {
        match &self.reason {
            Some(reason) => reason.clone(),
            None => format!(
                "The {} scheduler named '{}' triggered this build",
                self.class, self.name
            ),
        }
    }
}

impl TimedPlan {
    pub(crate) fn consumes(&self) -> bool {
        (self.only_if_changed || self.absolute) && !self.is_triggerable
    }
}

fn read(
    configured: &Configured,
    generation: u64,
    description: &Description,
) -> Result<Plan, String> {
    let object = &*configured.service.object;
    refuse_own_classes(object, &configured.kind)?;
    let package_class = object.class.rsplit('.').next().unwrap_or_default();
    let class = object.own_class().rsplit('.').next().unwrap_or_default();
    let default_reason = |class: &str| {
        let name = configured.name();
        format!("The {class} scheduler named '{name}' triggered this build")
    };
    let kind = match &configured.kind {
        SchedulerKind::SingleBranch(arguments) => {
            Kind::Changes(Box::new(of_changes(arguments, false)?))
        }
        SchedulerKind::AnyBranch(arguments) => {
            Kind::Changes(Box::new(of_changes(arguments, true)?))
        }
        SchedulerKind::Periodic(arguments, timed) => {
            let every = duration(arguments.periodic_build_timer)
                .filter(|every| !every.is_zero())
                .ok_or("periodicBuildTimer must be positive")?;
            Kind::Timed(Box::new(of_timed(
                When::Every(every),
                timed,
                object,
                false,
            )?))
        }
        SchedulerKind::Nightly(times, timed) => Kind::Timed(Box::new(of_timed(
            of_nightly(times)?,
            timed,
            object,
            false,
        )?)),
        SchedulerKind::NightlyTriggerable(times, timed) => {
            Kind::Timed(Box::new(of_timed(of_nightly(times)?, timed, object, true)?))
        }
        SchedulerKind::Dependent(arguments) => Kind::Dependent {
            upstream: arguments.upstream.0.clone(),
        },
        SchedulerKind::Triggerable => Kind::Triggerable,
        SchedulerKind::Force(_) => Kind::Force(Box::new(Form::read(configured, description)?)),
        SchedulerKind::TryJobdir(_) => Kind::TryJobdir,
        SchedulerKind::TryUserpass(_) => Kind::TryUserpass,
        SchedulerKind::Custom => {
            return Err(format!(
                "schedulers of a class of one's own ({}) are not supported yet",
                object.own_class()
            ));
        }
    };
    let reason = match (&kind, &configured.common.reason) {
        (Kind::Changes(_) | Kind::Timed(_), Some(reason)) => {
            Some(filled(reason, configured.name(), class)?)
        }
        (Kind::Timed(_), None) => Some(default_reason(package_class)),
        (_, reason) => reason.clone(),
    };
    let (codebases, properties, priority) = match &kind {
        Kind::Force(form) => (form.codebases(), Vec::new(), Priority::Number(0)),
        _ => (
            codebases(&configured.common.codebases)?,
            named(&configured.common.properties),
            priority(&configured.common.priority)?,
        ),
    };
    let builder_names = match &configured.builder_names {
        BuilderNames::These(names) => Value::List(names.clone()),
        BuilderNames::Renderable(value) => value.clone(),
        BuilderNames::Unknown => {
            return Err(
                "its class finds the names of builders itself, which is not supported yet"
                    .to_owned(),
            );
        }
    };
    let state_class = match &kind {
        Kind::Dependent { .. } => object.own_class().to_owned(),
        _ => class.to_owned(),
    };
    Ok(Plan {
        name: configured.name().to_owned(),
        generation,
        class: class.to_owned(),
        state_class,
        builder_names,
        properties,
        codebases,
        priority,
        reason,
        kind,
    })
}

/// Methods of a user's class would have to be called where the reference calls them.
fn refuse_own_classes(object: &Object, kind: &SchedulerKind) -> Result<(), String> {
    if matches!(kind, SchedulerKind::Custom) || object.overridden.is_empty() {
        return Ok(());
    }
    Err(format!(
        "its class {} overrides {}, which is not supported yet",
        object.own_class(),
        object.overridden.join(", ")
    ))
}

fn duration(seconds: Seconds) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.0).ok()
}

fn of_changes(arguments: &ChangeArguments, is_any_branch: bool) -> Result<ChangePlan, String> {
    let branches = if is_any_branch {
        Some(&arguments.branches).filter(|branches| !branches.is_none())
    } else {
        arguments.branch.as_ref()
    };
    let filter = match &arguments.change_filter {
        Some(part) => Filter::of_part(part)?,
        None => {
            let filter = match branches {
                Some(value) => Filter::of_branches(texts(value).ok_or("its branch is no text")?),
                None => Filter::default(),
            };
            match &arguments.categories {
                Value::None => filter,
                value => filter.and_categories(texts(value).ok_or("its categories are no texts")?),
            }
        }
    };
    let timer = arguments.tree_stable_timer.and_then(duration);
    Ok(ChangePlan {
        intake: IntakePlan {
            filter: Arc::new(filter),
            file_is_important: arguments.file_is_important.clone(),
            only_important: arguments.only_important,
        },
        tree_stable_timer: timer.filter(|timer| !timer.is_zero()),
        is_any_branch,
        absolute: arguments.create_absolute_source_stamps && !is_any_branch,
    })
}

fn of_timed(
    when: When,
    arguments: &TimedArguments,
    object: &Object,
    is_triggerable: bool,
) -> Result<TimedPlan, String> {
    let filter = |part: &Part<FilterKind>| Filter::of_part(part);
    let filter = arguments.change_filter.as_ref().map(filter).transpose()?;
    let branch = match object.arguments.get("branch") {
        None => None,
        Some(Value::None) => Some(None),
        Some(Value::Text(text)) => Some(Some(text.clone())),
        Some(_) => return Err("its branch is no text".to_owned()),
    };
    Ok(TimedPlan {
        intake: IntakePlan {
            filter: Arc::new(filter.unwrap_or_default()),
            file_is_important: arguments.file_is_important.clone(),
            only_important: arguments.only_important,
        },
        when,
        only_if_changed: arguments.only_if_changed,
        absolute: arguments.create_absolute_source_stamps,
        branch,
        is_triggerable,
    })
}

fn of_nightly(times: &NightlyArguments) -> Result<When, String> {
    let cron = Cron::of_arguments(
        &times.minute,
        &times.hour,
        &times.day_of_month,
        &times.month,
        &times.day_of_week,
    )
    .map_err(|error| error.to_string())?;
    let forced = [
        &times.force_at_minute,
        &times.force_at_hour,
        &times.force_at_day_of_month,
        &times.force_at_month,
        &times.force_at_day_of_week,
    ];
    let force_at = if forced.iter().all(|value| value.is_none()) {
        None
    } else {
        let or = |value: &Value, default: Value| match value {
            Value::None => default,
            other => other.clone(),
        };
        let [minute, hour, day_of_month, month, day_of_week] = forced;
        let cron = Cron::of_arguments(
            &or(minute, Value::Int(0)),
            &or(hour, "*".into()),
            &or(day_of_month, "*".into()),
            &or(month, "*".into()),
            &or(day_of_week, "*".into()),
        );
        Some(Box::new(cron.map_err(|error| error.to_string())?))
    };
    Ok(When::At {
        cron: Box::new(cron),
        force_at,
    })
}

/// `%(name)s` and `%(classname)s` in a reason.
fn filled(reason: &str, name: &str, class: &str) -> Result<String, String> {
    crate::percent::fill(reason, &[("name", name), ("classname", class)])
}

pub(crate) fn named(value: &Value) -> Vec<(String, Value)> {
    let pairs = value.as_dict().unwrap_or_default().iter();
    pairs
        .filter_map(|(name, value)| Some((name.as_text()?.to_owned(), value.clone())))
        .collect()
}

fn codebases(value: &Value) -> Result<BTreeMap<String, Codebase>, String> {
    let name = |value: &Value| {
        let name = value.as_text().map(str::to_owned);
        name.ok_or_else(|| "the name of a codebase is no text".to_owned())
    };
    if value.is_none() {
        return Ok(BTreeMap::from([(String::new(), Codebase::default())]));
    }
    if let Some(names) = value.as_sequence() {
        let named = names
            .iter()
            .map(|value| Ok((name(value)?, Codebase::default())));
        return named.collect();
    }
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_text).map(str::to_owned);
    let pairs = value
        .as_dict()
        .ok_or("Codebases must be a dict of dicts, or list of strings")?;
    pairs
        .iter()
        .map(|(key, of)| {
            let codebase = Codebase {
                branch: text(of, "branch"),
                repository: text(of, "repository").unwrap_or_default(),
                revision: text(of, "revision"),
            };
            Ok((name(key)?, codebase))
        })
        .collect()
}

fn priority(value: &Value) -> Result<Priority, String> {
    match value {
        Value::None => Ok(Priority::Number(0)),
        Value::Int(number) => Ok(Priority::Number(*number)),
        Value::Bool(value) => Ok(Priority::Number((*value).into())),
        Value::Callable(callable) => Ok(Priority::Ask((**callable).clone())),
        _ => Err("its priority is neither a number nor a function".to_owned()),
    }
}
