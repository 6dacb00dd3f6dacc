//! `c['projects']` and `c['codebases']`.

use std::collections::HashSet;

use crate::arguments::{Reader, arguments};
use crate::check::Check;
use crate::place::SourcePlace;
use crate::problem::{Problem, listed, nearest};
use buildbot_render::Value;

/// A project.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// What it was given.
    pub arguments: ProjectArguments,
    /// Its description as HTML, if it is in another format.
    pub html: Option<String>,
    /// Where it was made.
    pub place: Option<SourcePlace>,
}

arguments! {
    /// What a project is given.
    pub struct ProjectArguments {
        name: String = "name",
        slug: Option<String> = "slug",
        description: Option<String> = "description",
        description_format: Option<String> = "description_format",
    }
}

/// A codebase of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebase {
    /// What it was given.
    pub arguments: CodebaseArguments,
    /// Where it was made.
    pub place: Option<SourcePlace>,
}

arguments! {
    /// What a codebase is given.
    pub struct CodebaseArguments {
        name: String = "name",
        project: String = "project",
        slug: Option<String> = "slug",
    }
}

impl Project {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.arguments.name
    }
}

pub(crate) fn read(check: &mut Check<'_>) -> Vec<Project> {
    let Some(value) = check.key("projects") else {
        return Vec::new();
    };
    let Some(items) = value.as_sequence() else {
        check.error_in_key("projects", "c['projects'] must be a list");
        return Vec::new();
    };
    let mut projects = Vec::with_capacity(items.len());
    for item in items {
        match check.object(item) {
            Some((id, object)) if object.class == "buildbot.process.project.Project" => {
                let mut reader = Reader::new(check.description, object);
                let arguments = ProjectArguments::read(&mut reader);
                let html = object.html.clone();
                let place = check.place_of(id);
                projects.push(Project {
                    arguments,
                    html,
                    place,
                });
            }
            _ => report_stranger(check, item, "project", "projects"),
        }
    }
    projects
}

pub(crate) fn read_codebases(check: &mut Check<'_>, projects: &[Project]) -> Vec<Codebase> {
    let Some(value) = check.key("codebases") else {
        return Vec::new();
    };
    let Some(items) = value.as_sequence() else {
        check.error_in_key("codebases", "c['codebases'] must be a list");
        return Vec::new();
    };
    let mut codebases = Vec::with_capacity(items.len());
    for item in items {
        match check.object(item) {
            Some((id, object)) if object.class == "buildbot.process.codebase.Codebase" => {
                let mut reader = Reader::new(check.description, object);
                let arguments = CodebaseArguments::read(&mut reader);
                let place = check.place_of(id);
                if projects
                    .iter()
                    .any(|known| known.name() == arguments.project)
                {
                    codebases.push(Codebase { arguments, place });
                } else {
                    report_unknown_project(check, item, &arguments.project, projects, place);
                }
            }
            _ => report_stranger(check, item, "codebase", "codebases"),
        }
    }
    codebases
}

fn report_stranger(check: &mut Check<'_>, item: &Value, noun: &str, key: &str) {
    let shown = item.repr(check.description);
    let at = check.place_of_value(item, key);
    // The reference's text lacks the closing parenthesis.
    check.report(Problem::error(format!("{shown} is not a {noun} config (in c['{key}']")).at(at));
}

fn report_unknown_project(
    check: &mut Check<'_>,
    item: &Value,
    project: &str,
    projects: &[Project],
    at: Option<SourcePlace>,
) {
    let shown = item.repr(check.description);
    let near = nearest(project, projects.iter().map(Project::name));
    check.report(
        Problem::error(format!(
            "{shown} includes unknown project name {project} (in c['codebases']"
        ))
        .at(at)
        .maybe_help(near.map(|near| format!("did you mean '{near}'?")))
        .help(format!(
            "defined projects: {}",
            listed(projects.iter().map(Project::name))
        )),
    );
}

pub(crate) fn check_names(check: &mut Check<'_>, projects: &[Project]) {
    let mut seen = HashSet::new();
    for project in projects {
        if !seen.insert(project.name()) {
            check.report(
                Problem::error(format!("duplicate project name '{}'", project.name()))
                    .at(project.place.clone()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, object};

    #[test]
    fn projects_and_codebases_have_the_texts_of_the_reference() {
        let check = |config: &str, expected: &str| {
            assert_eq!(errors(config)[0].message, expected, "{config}");
        };
        let project = object("buildbot.process.project.Project", r#""name": "a""#);
        let codebase = object(
            "buildbot.process.codebase.Codebase",
            r#""name": "a", "project": "b""#,
        );
        check(r#"{"projects": null}"#, "c['projects'] must be a list");
        check(
            r#"{"projects": ["x"]}"#,
            "'x' is not a project config (in c['projects']",
        );
        check(
            &format!(r#"{{"projects": [{project}, {project}]}}"#),
            "no workers are configured",
        );
        check(
            r#"{"codebases": [5]}"#,
            "5 is not a codebase config (in c['codebases']",
        );
        check(
            &format!(r#"{{"codebases": [{codebase}]}}"#),
            "<buildbot.process.codebase.Codebase object> includes unknown project name b (in c['codebases']",
        );
    }
}
