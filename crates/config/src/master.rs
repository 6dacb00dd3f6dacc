//! The whole configuration: everything that a master needs to know, typed and checked.

use crate::builders::{self, BuilderConfig};
use crate::changes::{self, ChangeSource};
use crate::check::{Check, Sources};
use crate::cross;
use crate::db::{self, Db, Mq};
use crate::description::{Description, Fatal};
use crate::globals::{self, Globals};
use crate::limits::{self, Caches, Metrics, Validation};
use crate::machines::{self, Machine};
use crate::parts::{self, Named, Part};
use crate::place::SourcePlace;
use crate::problem::{Problem, Problems, Severity, nearest};
use crate::projects::{self, Codebase, Project};
use crate::reporters::ServiceKind;
use crate::schedulers::{self, Scheduler};
use crate::secrets::SecretsKind;
use crate::services;
use crate::users::{self, UserManagerKind};
use crate::workers::{self, Worker};
use crate::www::{self, Www};

/// A configuration of a master.
#[derive(Debug, Clone)]
pub struct MasterConfig {
    /// The keys that hold one value each.
    pub globals: Globals,
    /// `validation`.
    pub validation: Validation,
    /// `db`.
    pub db: Db,
    /// `mq`.
    pub mq: Mq,
    /// `metrics`.
    pub metrics: Option<Metrics>,
    /// `secretsProviders`, in the order in which they are asked.
    pub secrets_providers: Vec<Named<SecretsKind>>,
    /// `caches`.
    pub caches: Caches,
    /// `schedulers`; names are unique.
    pub schedulers: Vec<Scheduler>,
    /// `projects`.
    pub projects: Vec<Project>,
    /// `codebases`.
    pub codebases: Vec<Codebase>,
    /// `builders`.
    pub builders: Vec<BuilderConfig>,
    /// `workers`.
    pub workers: Vec<Worker>,
    /// `change_source`.
    pub change_sources: Vec<ChangeSource>,
    /// `machines`.
    pub machines: Vec<Machine>,
    /// `user_managers`.
    pub user_managers: Vec<Part<UserManagerKind>>,
    /// `www`.
    pub www: Www,
    /// `services`; names are unique.
    pub services: Vec<Named<ServiceKind>>,
}

/// What became of a description.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The configuration. With errors it is what the rest of the checks needed, and must not be used.
    pub config: MasterConfig,
    /// All that is wrong or odd.
    pub problems: Problems,
}

/// Reads and checks a description.
pub fn read(description: &Description, sources: Sources<'_>) -> Outcome {
    let mut check = Check::new(description, sources);
    report_what_the_host_found(&mut check);
    if let Some(fatal) = &description.fatal {
        report_fatal(&mut check, fatal);
        let problems = std::mem::take(&mut check.problems);
        // The keys are empty, and so are all the values; what is wrong with that is beside the point.
        let config = read_keys(&mut check);
        return Outcome { config, problems };
    }
    globals::check_unknown_keys(&mut check);
    let config = read_keys(&mut check);
    cross::check(&mut check, &config);
    Outcome {
        config,
        problems: check.problems,
    }
}

/// In the order in which the reference finds problems.
fn read_keys(check: &mut Check<'_>) -> MasterConfig {
    let globals = globals::read(check);
    let validation = limits::read_validation(check);
    let db = db::read(check);
    let mq = db::read_mq(check);
    let metrics = limits::read_metrics(check);
    let secrets_providers = services::read_secrets_providers(check);
    let caches = limits::read_caches(check);
    let schedulers = schedulers::read(check);
    let projects = projects::read(check);
    let codebases = projects::read_codebases(check, &projects);
    let builders = builders::read(check);
    let workers = workers::read(check);
    let change_sources = changes::read(check);
    let machines = machines::read(check);
    let user_managers = users::read(check);
    let www = www::read(check);
    let services = services::read(check);
    parts::check(check);
    MasterConfig {
        globals,
        validation,
        db,
        mq,
        metrics,
        secrets_providers,
        caches,
        schedulers,
        projects,
        codebases,
        builders,
        workers,
        change_sources,
        machines,
        user_managers,
        www,
        services,
    }
}

fn report_what_the_host_found(check: &mut Check<'_>) {
    let description = check.description;
    for error in &description.errors {
        let at = check
            .place(error.at)
            .or_else(|| place_of_unplaced(check, &error.message));
        let mut problem = Problem::error(&error.message).at(at);
        if let Some(wrong) = &error.wrong_names {
            problem.help.extend(
                wrong
                    .names
                    .iter()
                    .filter_map(|name| right_name(name, &wrong.known)),
            );
        }
        check.report(problem);
    }
    for warning in &description.warnings {
        let at = check.place(warning.at);
        check.report(Problem::warning(format!("{}: {}", warning.category, warning.message)).at(at));
    }
    for unsupported in &description.unsupported {
        let at = check.place(unsupported.at);
        check.refuse_at_start(
            Problem::warning(format!("{} is not supported yet", unsupported.name)).at(at),
        );
    }
}

/// Where the file assigns a key of `BuildmasterConfig`, for problems that others find.
pub fn place_of_key(
    description: &Description,
    sources: Sources<'_>,
    key: &str,
) -> Option<SourcePlace> {
    Check::new(description, sources).place_of_key(key)
}

/// Where an error belongs that happened outside of the user's code.
fn place_of_unplaced(check: &mut Check<'_>, message: &str) -> Option<SourcePlace> {
    let fatal = check.description.fatal.as_ref();
    if let Some(place) = check.place(fatal.and_then(|fatal| fatal.at)) {
        return Some(place);
    }
    if let Some((key, _)) = message
        .strip_prefix("c['")
        .and_then(|rest| rest.split_once("']"))
    {
        return check.place_of_key(key);
    }
    // Dictionaries in `builders` and configurators are used after the file has been executed.
    if message.contains("IConfigurator") {
        check.place_of_key("configurators")
    } else if message.contains("builder") || message.contains("BuilderConfig") {
        check.place_of_key("builders")
    } else if fatal.is_some_and(|fatal| fatal.kind == "exception") {
        // What else is done after the file has been executed.
        check.place_of_key("configurators")
    } else {
        None
    }
}

fn report_fatal(check: &mut Check<'_>, fatal: &Fatal) {
    if fatal.kind == "config_errors" && !check.description.errors.is_empty() {
        return;
    }
    let at = check
        .place(fatal.at)
        .or_else(|| place_of_unplaced(check, &fatal.message));
    let mut problem = Problem {
        severity: Severity::Error,
        message: fatal.message.clone(),
        at,
        help: Vec::new(),
    };
    // A syntax error's message has it already.
    if fatal.kind == "exception" || fatal.kind == "exit" {
        problem.help.extend(fatal.traceback.clone());
    }
    if let Some(wrong) = &fatal.wrong_name {
        problem.help.extend(right_name(&wrong.name, &wrong.known));
    }
    if fatal.kind == "no_config" {
        problem
            .help
            .push("c = BuildmasterConfig = {} belongs at the beginning".to_owned());
    }
    if let Some(help) = help_for(&fatal.message) {
        problem.help.push(help);
    }
    check.report(problem);
}

/// What a name should have been.
fn right_name(name: &str, known: &[String]) -> Option<String> {
    /// What arguments of old versions are called today.
    const OLD: &[(&str, &str)] = &[
        ("buildSlaves", "workernames"),
        ("category", "tags"),
        ("mergeRequests", "collapseRequests"),
        ("nextSlave", "nextWorker"),
        ("slavebuilddir", "workerbuilddir"),
        ("slavedest", "workerdest"),
        ("slavename", "workername"),
        ("slavenames", "workernames"),
        ("slavesrc", "workersrc"),
    ];
    if let Some((old, new)) = OLD.iter().find(|(old, _)| *old == name)
        && known.iter().any(|known| known == new)
    {
        return Some(format!("'{old}' is called '{new}' today"));
    }
    let near = nearest(name, known.iter().map(String::as_str))?;
    Some(format!("did you mean '{near}' instead of '{name}'?"))
}

/// What to do about errors that happen to everybody.
fn help_for(message: &str) -> Option<String> {
    let missing = message.split("No module named '").nth(1)?;
    let module = missing.split('\'').next()?;
    let package = module.split('.').next()?;
    (package != "buildbot").then(|| format!(
        "install the package that provides '{package}' for this Python, or put {package}.py beside the file"
    ))
}

#[cfg(test)]
mod tests {
    use crate::check::Sources;
    use crate::description::Description;
    use crate::master::read;

    fn problems(json: &str) -> crate::Problems {
        let description = Description::from_json(json.as_bytes()).expect("a description");
        read(&description, Sources::NONE).problems
    }

    #[test]
    fn a_fatal_error_is_the_last_one() {
        let found = problems(
            r#"{"version": 1, "files": ["m.cfg"], "config": {},
                "errors": [{"message": "builder's name is required", "at": [0, 3]}],
                "fatal": {"kind": "exception", "at": [0, 5], "traceback": "T",
                    "wrong_name": {"name": "nam", "known": ["builddir", "name"]},
                    "message": "error while parsing config file: No module named 'x.y' (traceback in logfile)"}}"#,
        );
        assert_eq!(found.errors.len(), 2);
        assert_eq!(found.errors[0].at.as_ref().map(|place| place.line), Some(3));
        assert_eq!(found.errors[1].help[0], "T");
        assert_eq!(
            found.errors[1].help[1],
            "did you mean 'name' instead of 'nam'?"
        );
        assert!(found.errors[1].help[2].contains("provides 'x'"));
    }

    #[test]
    fn an_error_about_names_has_the_right_ones() {
        let found = problems(
            r#"{"version": 1, "files": ["m.cfg"], "config": {},
                "errors": [{"message": "invalid", "at": [0, 3], "wrong_names":
                    {"names": ["nam", "strange", "slavesrc"], "known": ["name", "mode", "workersrc"]}}]}"#,
        );
        assert_eq!(
            found.errors[0].help,
            [
                "did you mean 'name' instead of 'nam'?",
                "'slavesrc' is called 'workersrc' today"
            ]
        );
    }

    #[test]
    fn unsupported_names_are_refused_at_start() {
        let found = problems(
            r#"{"version": 1, "config": {"multiMaster": true},
                "unsupported": [{"name": "a.B", "at": null}],
                "warnings": [{"category": "DeprecatedApiWarning", "message": "old"}]}"#,
        );
        assert_eq!(found.errors, []);
        assert_eq!(
            found.refused_at_start[0].message,
            "a.B is not supported yet"
        );
        assert_eq!(found.warnings[0].message, "DeprecatedApiWarning: old");
    }
}
