//! What several keys must agree about.

use std::collections::HashSet;

use crate::check::Check;
use crate::globals::Globals;
use crate::master::MasterConfig;
use crate::problem::Problem;
use crate::{builders, locks, machines, projects, schedulers, workers};
use buildbot_render::Value;

/// All checks that need more than one key, in the reference's order.
pub(crate) fn check(check: &mut Check<'_>, config: &MasterConfig) {
    let is_single = !config.globals.multi_master;
    if is_single {
        check_not_empty(check, config);
        schedulers::check_all_scheduled(check, &config.schedulers, &config.builders);
        schedulers::check_targets(check, &config.schedulers, &config.builders);
    }
    locks::check_names(check, config.builders.iter().map(|builder| &builder.locks));
    projects::check_names(check, &config.projects);
    let worker_names: Vec<&str> = config.workers.iter().map(workers::Worker::name).collect();
    let project_names: Vec<&str> = config
        .projects
        .iter()
        .map(projects::Project::name)
        .collect();
    builders::cross_check(check, &config.builders, &worker_names, &project_names);
    check_ports(check, config);
    machines::check_names(check, &config.machines);
    let machine_names: Vec<&str> = config
        .machines
        .iter()
        .map(|machine| machine.service.name.as_str())
        .collect();
    workers::cross_check(check, &config.workers, &machine_names);
    if is_single {
        schedulers::warn_of_unknown_upstreams(check, &config.schedulers);
    }
}

fn check_not_empty(check: &mut Check<'_>, config: &MasterConfig) {
    if config.workers.is_empty() {
        let at = check.place_of_key("workers");
        check.report(
            Problem::error("no workers are configured")
                .at(at)
                .help("c['workers'] = [worker.Worker(name, password)]"),
        );
    }
    if config.builders.is_empty() {
        let at = check.place_of_key("builders");
        check.report(
            Problem::error("no builders are configured")
                .at(at)
                .help("c['builders'] = [util.BuilderConfig(name=…, workernames=…, factory=…)]"),
        );
    }
}

fn check_ports(check: &mut Check<'_>, config: &MasterConfig) {
    let mut seen = HashSet::new();
    for (name, options) in &config.globals.protocols {
        let port = if name == "null" {
            String::new()
        } else {
            match options.get("port") {
                None | Some(Value::None) => continue,
                Some(Value::Int(port)) => format!("tcp:{port}"),
                Some(Value::Bool(port)) => format!("tcp:{}", if *port { "True" } else { "False" }),
                Some(Value::Text(port)) => port.clone(),
                Some(other) => other.repr(check.description),
            }
        };
        let is_new = seen.insert(port.clone());
        if !is_new && name != "null" {
            let at = check.place_of_key("protocols");
            check.report(
                Problem::error("Some of ports in c['protocols'] duplicated")
                    .at(at)
                    .help(format!("two protocols listen on {port}")),
            );
        }
    }
    if seen.is_empty() && !config.workers.is_empty() {
        let at = check
            .place_of_key("protocols")
            .or_else(|| config.workers.first()?.service.place.clone());
        check.report(
            Problem::error("workers are configured, but c['protocols'] not")
                .at(at)
                .help("c['protocols'] = {'pb': {'port': 9989}}"),
        );
    }
    refuse_missing_port(check, &config.globals);
}

/// The reference fails with a `KeyError` when it starts.
fn refuse_missing_port(check: &mut Check<'_>, globals: &Globals) {
    for (name, options) in &globals.protocols {
        let needs_port = matches!(name.as_str(), "pb" | "msgpack_experimental_v7");
        if needs_port && options.get("port").is_none() && globals.protocols.len() > 1 {
            let at = check.place_of_key("protocols");
            check.refuse_at_start(
                Problem::warning(format!("c['protocols']['{name}'] has no port"))
                    .at(at)
                    .help(format!("'{name}': {{'port': 9989}}")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, object};

    fn messages(config: &str) -> Vec<String> {
        errors(config).into_iter().map(|p| p.message).collect()
    }

    #[test]
    fn an_empty_configuration_lacks_workers_and_builders() {
        assert_eq!(
            messages("{}"),
            ["no workers are configured", "no builders are configured"]
        );
        assert_eq!(messages(r#"{"multiMaster": true}"#), Vec::<String>::new());
    }

    #[test]
    fn protocols_have_different_ports() {
        let worker = object(
            "buildbot.worker.base.Worker",
            r#""name": "w1", "password": "x""#,
        );
        let check = |protocols: &str, expected: &[&str]| {
            let config = format!(
                r#"{{"multiMaster": true, "workers": [{worker}], "protocols": {{"$": "dict", "v": [{protocols}]}}}}"#
            );
            assert_eq!(messages(&config), expected, "{protocols}");
        };
        let pb = r#"["pb", {"$": "dict", "v": [["port", 1]]}]"#;
        check(pb, &[]);
        check("", &["workers are configured, but c['protocols'] not"]);
        check(
            r#"["pb", {"$": "dict", "v": []}]"#,
            &["workers are configured, but c['protocols'] not"],
        );
        check(r#"["null", {"$": "dict", "v": []}]"#, &[]);
        check(
            &format!(r#"{pb}, ["x", {{"$": "dict", "v": [["port", "tcp:1"]]}}]"#),
            &["Some of ports in c['protocols'] duplicated"],
        );
    }
}
