//! What builders refer to, and what two of them must not share.

use std::collections::{HashMap, HashSet};

use crate::builders::{BuilderConfig, given_workers};
use crate::check::Check;
use crate::problem::{Problem, listed, nearest};
use crate::service::text_of;
use buildbot_render::Value;

/// Duplicates, and references to workers and projects.
pub(crate) fn cross_check(
    check: &mut Check<'_>,
    builders: &[BuilderConfig],
    workers: &[&str],
    projects: &[&str],
) {
    let known_workers: HashSet<&str> = workers.iter().copied().collect();
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
    known: &HashSet<&str>,
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
    use crate::testing::{builder_config, errors_of_builders};

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
