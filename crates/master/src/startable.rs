//! Whether a master would start with a good configuration: the one list that its start, `reconfig` and `checkconfig` use.

use std::path::Path;

use buildbot_config::{
    Description, MasterConfig, Problem, SchedulerKind, Severity, SourcePlace, Sources, place_of_key,
};
use buildbot_model::Secret;

use crate::{credentials, master, perspectives, refused};

/// Everything because of which a master in `basedir` would refuse a configuration that has no errors. Nothing is
/// opened and nobody is asked, so ports that are taken and databases that cannot be read are found by the start only.
pub fn refused_at_start(
    description: &Description,
    config: &MasterConfig,
    sources: Sources<'_>,
    basedir: &Path,
) -> Vec<Problem> {
    let mut found = refused::find(description, sources, config);
    for refused in buildbot_schedulers::refused(config, description) {
        let mut schedulers = config.schedulers.iter();
        let scheduler = schedulers.find(|known| known.name() == refused.scheduler);
        // A class that there is not has been named.
        if !scheduler.is_some_and(|known| matches!(known.kind, SchedulerKind::Custom)) {
            let at = scheduler.and_then(|known| known.service.place.clone());
            found.push(problem(refused.to_string(), at));
        }
    }
    let in_www = buildbot_web::refused(&master::web_settings_of(
        config,
        basedir,
        Secret::new(String::new()),
        credentials::unasked(config),
    ));
    if !in_www.is_empty() {
        let at = place_of_key(description, sources, "www");
        found.extend(in_www.into_iter().map(|why| problem(why, at.clone())));
    }
    if let Err(error) = master::listeners_for_workers(config) {
        let at = place_of_key(description, sources, "protocols");
        found.push(problem(format!("{error:#}"), at));
    }
    if let Err(error) = perspectives::listeners(config) {
        found.push(problem(format!("{error:#}"), None));
    }
    for problem in &mut found {
        // The configuration has no errors.
        problem.severity = Severity::Warning;
    }
    found
}

fn problem(message: String, at: Option<SourcePlace>) -> Problem {
    Problem {
        severity: Severity::Warning,
        message,
        at,
        help: Vec::new(),
    }
}
