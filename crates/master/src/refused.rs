//! What a configuration asks for and this master does not have yet: found all at once, before anything changes.

use std::collections::BTreeMap;

use buildbot_config::reporters::ServiceKind;
use buildbot_config::secrets::SecretsKind;
use buildbot_config::users::UserManagerKind;
use buildbot_config::{
    Description, Locks, MasterConfig, Problem, SchedulerKind, Severity, SourcePlace, Sources,
    Value, WorkerKind, place_of_key,
};
use buildbot_schedulers::Cancellers;

use crate::instances;

/// Everything that is refused, with its place.
pub(crate) fn find(
    description: &Description,
    sources: Sources<'_>,
    config: &MasterConfig,
) -> Vec<Problem> {
    let mut found = Found {
        problems: Vec::new(),
        description,
        sources,
    };
    if config.db.url.is_renderable() {
        found.add("a database URL that is rendered is not supported yet", None);
    }
    if config.globals.multi_master {
        found.key("multiMaster", "c['multiMaster'] is not supported yet");
    }
    if !config.globals.manhole.is_none() {
        found.key("manhole", "c['manhole'] is not supported yet");
    }
    for manager in &config.user_managers {
        if let UserManagerKind::Custom = manager.kind {
            let object = manager.object.as_ref();
            let class = object.map_or("of another package", |object| object.own_class());
            found.class("manager of users", class, manager.place.clone());
        }
    }
    if let Err(why) = buildbot_schedulers::ChangeRules::read(&config.globals, description) {
        found.add(why, None);
    }
    for (dialect, _) in &config.www.change_hook_dialects {
        let message = format!("c['www']['change_hook_dialects']['{dialect}'] is not supported yet");
        found.key("www", message);
    }
    found.in_workers(config);
    found.in_auth(config);
    for source in &config.change_sources {
        if let Some(why) = buildbot_changes::unsupported(source) {
            found.add(why, source.service.place.clone());
        }
    }
    if let Err(refused) = Cancellers::read(&config.services, description) {
        for refusal in refused {
            let mut services = config.services.iter();
            let service = services.find(|it| it.name() == refusal.scheduler);
            let place = service.and_then(|it| it.service.place.clone());
            let message = format!("the canceller '{}': {}", refusal.scheduler, refusal.reason);
            found.add(message, place);
        }
    }
    for service in &config.services {
        if matches!(
            service.kind,
            ServiceKind::OldBuilds(_) | ServiceKind::FailingBuildsets(_)
        ) {
            continue;
        }
        let class = service.service.object.own_class();
        found.class("service", class, service.service.place.clone());
    }
    for provider in &config.secrets_providers {
        if !matches!(provider.kind, SecretsKind::File(_) | SecretsKind::Pass(_)) {
            let class = provider.service.object.own_class();
            found.class("provider of secrets", class, provider.service.place.clone());
        }
    }
    for scheduler in &config.schedulers {
        if matches!(scheduler.kind, SchedulerKind::Custom) {
            let class = scheduler.service.object.own_class();
            found.class("scheduler", class, scheduler.service.place.clone());
        }
    }
    found.in_factories(config);
    found.problems
}

struct Found<'a> {
    problems: Vec<Problem>,
    description: &'a Description,
    sources: Sources<'a>,
}

impl Found<'_> {
    /// Where a key of `BuildmasterConfig` is set.
    fn key(&mut self, key: &str, message: impl Into<String>) {
        let at = place_of_key(self.description, self.sources, key);
        self.add(message, at);
    }

    fn add(&mut self, message: impl Into<String>, at: Option<SourcePlace>) {
        self.problems.push(Problem {
            severity: Severity::Error,
            message: message.into(),
            at,
            help: Vec::new(),
        });
    }

    fn class(&mut self, noun: &str, class: &str, at: Option<SourcePlace>) {
        self.add(format!("the {noun} {class} is not supported yet"), at);
    }

    fn in_workers(&mut self, config: &MasterConfig) {
        for worker in &config.workers {
            let place = || worker.service.place.clone();
            match &worker.kind {
                WorkerKind::Worker | WorkerKind::Local(_) => {}
                WorkerKind::CustomLatent(_) => {
                    for method in instances::unsupported_methods(worker) {
                        let class = worker.service.object.own_class();
                        let message = format!("{method} of the worker {class} would not be called");
                        self.add(message, place());
                    }
                }
                _ => self.class("worker", worker.service.object.own_class(), place()),
            }
            if let Locks::Renderable(_) = worker.locks {
                let name = worker.name();
                self.add(
                    format!("worker '{name}': its locks cannot be rendered"),
                    place(),
                );
            }
        }
        for machine in &config.machines {
            if machine.latent.is_some() {
                let class = machine.service.object.own_class();
                self.class("machine", class, machine.service.place.clone());
            }
        }
    }

    /// The pages of a login of the user's own are Twisted's, which nobody serves.
    fn in_auth(&mut self, config: &MasterConfig) {
        let object = config.www.auth.as_ref().and_then(|part| {
            let object = part.object.as_ref()?;
            Some((object, part.place.clone()))
        });
        let Some((object, place)) = object else {
            return;
        };
        for method in ["getLoginResource", "getLogoutResource", "maybeAutoLogin"] {
            if object.overrides(method) {
                let class = object.own_class();
                let message = format!(
                    "c['www']['auth']: {class} overrides {method}, which is not supported yet"
                );
                self.add(message, place.clone());
            }
        }
    }

    /// A step that several builders share is named once.
    fn in_factories(&mut self, config: &MasterConfig) {
        let mut seen = BTreeMap::new();
        for builder in &config.builders {
            let Some(factory) = &builder.factory else {
                continue;
            };
            if seen.insert(factory.id, ()).is_some() {
                continue;
            }
            match factory.object.arguments.get("buildClass") {
                None | Some(Value::None) => {}
                Some(Value::Ref(name)) if name == "buildbot.process.build.Build" => {}
                Some(class) => {
                    for name in build_class_changes(&factory.object.arguments) {
                        let shown = class.repr(self.description);
                        let message = format!(
                            "the class of builds {shown} overrides {name}, which is not supported yet"
                        );
                        self.add(message, builder.place.clone());
                    }
                }
            }
            for step in &factory.steps {
                if buildbot_steps::unsupported(step).is_some() {
                    self.class("step", step.object.own_class(), step.place.clone());
                }
            }
        }
    }
}

/// What of a class of builds is only called from code of the configuration, which has an object of that class.
const CALLED_FROM_CODE: [&str; 21] = [
    "__init__",
    "__repr__",
    "addStepsAfterCurrentStep",
    "addStepsAfterLastStep",
    "allChanges",
    "allChangesFromSources",
    "allFiles",
    "changesText",
    "getAllSourceStamps",
    "getBuilderId",
    "getProperties",
    "getProperty",
    "getSourceStamp",
    "getSummaryStatistic",
    "getUrl",
    "getWorkerCommandVersion",
    "getWorkerInfo",
    "getWorkerName",
    "hasProperty",
    "render",
    "setProperty",
];

/// What a class of builds changes of what the master does itself.
fn build_class_changes(factory: &buildbot_config::Arguments) -> Vec<&str> {
    let changes = factory.get("buildClassOver").and_then(Value::as_sequence);
    let names = changes.into_iter().flatten().filter_map(Value::as_text);
    names
        .filter(|name| !CALLED_FROM_CODE.contains(name))
        .collect()
}
