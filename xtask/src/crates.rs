//! Which crate may use which, and that the map names their modules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{Problem, Tree};

/// The allowed edges: a package's directory, and the packages of this workspace that it may depend on.
///
/// `ARCHITECTURE.md` shows the same table to people. A package that is not here is an error, so that a new one
/// is thought about.
const EDGES: &[(&str, &[&str])] = &[
    ("crates/confighost", &["crates/model"]),
    ("crates/daemon", &["crates/tac"]),
    ("crates/db", &["crates/model"]),
    ("crates/endpoint", &[]),
    (
        "crates/gateway",
        &[
            "crates/daemon",
            "crates/endpoint",
            "crates/model",
            "crates/wire",
        ],
    ),
    ("crates/logs", &["crates/db", "crates/model"]),
    ("crates/model", &[]),
    ("crates/options", &[]),
    ("crates/python-regex", &[]),
    ("crates/tac", &["crates/model"]),
    ("crates/wire", &["crates/model"]),
    (
        "crates/worker",
        &[
            "crates/daemon",
            "crates/endpoint",
            "crates/model",
            "crates/options",
            "crates/python-regex",
            "crates/tac",
            "crates/wire",
        ],
    ),
    ("crates/render", &["crates/model"]),
    ("crates/config", &["crates/model", "crates/render"]),
    ("crates/engine", &["crates/model"]),
    ("crates/data", &["crates/db", "crates/logs", "crates/model"]),
    (
        "crates/web",
        &[
            "crates/config",
            "crates/data",
            "crates/endpoint",
            "crates/model",
            // Only its tests.
            "crates/db",
            "crates/logs",
            "tests/ports",
        ],
    ),
    (
        "crates/schedulers",
        &[
            "crates/config",
            "crates/model",
            "crates/python-regex",
            "crates/render",
        ],
    ),
    (
        "crates/changes",
        &[
            "crates/config",
            "crates/model",
            "crates/render",
            "crates/schedulers",
        ],
    ),
    (
        "crates/steps",
        &[
            "crates/config",
            "crates/model",
            "crates/python-regex",
            "crates/render",
        ],
    ),
    (
        "crates/master",
        &[
            "crates/changes",
            "crates/config",
            "crates/confighost",
            "crates/daemon",
            "crates/data",
            "crates/db",
            "crates/endpoint",
            "crates/engine",
            "crates/gateway",
            "crates/logs",
            "crates/model",
            "crates/python-regex",
            "crates/render",
            "crates/schedulers",
            "crates/steps",
            "crates/tac",
            "crates/web",
            "crates/wire",
            "crates/worker",
        ],
    ),
    (
        "crates/cli",
        &[
            "crates/config",
            "crates/confighost",
            "crates/daemon",
            "crates/data",
            "crates/db",
            "crates/logs",
            "crates/master",
            "crates/model",
            "crates/options",
            "crates/tac",
            "crates/web",
            "crates/wire",
            // Only its tests.
            "tests/ports",
        ],
    ),
    ("tests/sim", &["crates/engine", "crates/model"]),
    // These see programs from outside.
    ("tests/e2e", &["tests/ports"]),
    ("tests/compat", &["tests/ports"]),
    ("tests/ports", &[]),
    ("xtask", &[]),
];

/// The map, in which a section `### \`crates/NAME\`` lists the modules of each crate.
const MAP: &str = "ARCHITECTURE.md";

pub(crate) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = check_edges(&dependencies(tree)?, EDGES);
    for path in tree.files().iter().filter(|path| is_member_manifest(path)) {
        problems.extend(check_versions(path, &tree.source(path)?));
    }
    let map = tree.source(MAP)?;
    for (package, _) in EDGES.iter().filter(|(path, _)| path.starts_with("crates/")) {
        problems.extend(check_map(package, &modules(tree, package), &map));
    }
    Ok(problems)
}

fn is_member_manifest(path: &str) -> bool {
    path.ends_with("/Cargo.toml") && !path.starts_with("fuzz/")
}

/// The directory of each package of the workspace, with the directories of those that it depends on.
fn dependencies(tree: &Tree) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(cargo)
        .current_dir(tree.root())
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .output()
        .context("while running `cargo metadata`")?;
    ensure!(
        asked.status.success(),
        "`cargo metadata` failed: {}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let metadata: Value = serde_json::from_slice(&asked.stdout)?;
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let relative = |path: &str| {
        Path::new(path)
            .strip_prefix(root)
            .ok()
            .and_then(Path::to_str)
            .map(str::to_owned)
    };
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let directory = Path::new(manifest).parent().and_then(Path::to_str);
        let name = directory
            .and_then(relative)
            .with_context(|| format!("{manifest} is outside of the workspace"))?;
        let used = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|dependency| relative(dependency["path"].as_str()?))
            .collect();
        found.insert(name, used);
    }
    Ok(found)
}

fn check_edges(
    found: &BTreeMap<String, BTreeSet<String>>,
    edges: &[(&str, &[&str])],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (package, used) in found {
        let manifest = format!("{package}/Cargo.toml");
        let Some((_, allowed)) = edges.iter().find(|(name, _)| name == package) else {
            problems.push(Problem::in_file(
                &manifest,
                "the package is not in the table of edges; add it to xtask/src/crates.rs and ARCHITECTURE.md",
            ));
            continue;
        };
        for other in used {
            if !allowed.contains(&other.as_str()) {
                problems.push(Problem::in_file(
                    &manifest,
                    format!("{package} must not depend on {other}; allowed: {allowed:?}"),
                ));
            }
        }
    }
    problems
}

/// Versions stand in the root manifest only.
fn check_versions(path: &str, manifest: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut in_dependencies = false;
    for (number, line) in (1..).zip(manifest.lines()) {
        let line = line.trim();
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies
            && line.contains('=')
            && !line.starts_with('#')
            && !line.replace(' ', "").contains("workspace=true")
        {
            problems.push(Problem::at(
                path,
                number,
                "name the version in [workspace.dependencies] and write NAME.workspace = true here",
            ));
        }
    }
    problems
}

/// The modules at the top of a crate, as the map names them: `name.rs`, or `name/` if there is a directory.
fn modules(tree: &Tree, package: &str) -> BTreeSet<String> {
    let source = format!("{package}/src/");
    let below = tree.files().iter().filter_map(|f| f.strip_prefix(&source));
    let directories: BTreeSet<&str> = below
        .clone()
        .filter_map(|path| path.split_once('/').map(|(directory, _)| directory))
        .collect();
    below
        .filter_map(|path| match path.split_once('/') {
            Some((directory, _)) => Some(format!("{directory}/")),
            None => {
                let stem = path.strip_suffix(".rs")?;
                (!directories.contains(stem) && !["lib", "main"].contains(&stem))
                    .then(|| path.to_owned())
            }
        })
        .collect()
}

/// The section of a crate has one line for each module, which begins with its name, and no others, and none twice.
fn check_map(package: &str, modules: &BTreeSet<String>, map: &str) -> Vec<Problem> {
    let heading = format!("### `{package}`");
    let section = map
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('#'));
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut problems = Vec::new();
    let words = section.filter_map(|line| line.split_whitespace().next());
    for word in words.filter(|word| word.ends_with(".rs") || word.ends_with('/')) {
        if !named.insert(word.to_owned()) {
            let text = format!("below \"{heading}\" stands {word} twice");
            problems.push(Problem::in_file(MAP, text));
        }
    }
    let missing = modules.difference(&named).map(|module| {
        Problem::in_file(
            MAP,
            format!("{package}/src/{module} is missing below \"{heading}\""),
        )
    });
    let gone = named.difference(modules).map(|module| {
        Problem::in_file(
            MAP,
            format!("below \"{heading}\" stands {module}, which does not exist"),
        )
    });
    problems.extend(missing.chain(gone));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn only_listed_edges_are_allowed() {
        let edges: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"])];
        let check = |package: &str, used: &[&str], expected: usize| {
            let found = BTreeMap::from([(package.to_owned(), set(used))]);
            assert_eq!(check_edges(&found, edges).len(), expected, "{package}");
        };
        check("a", &[], 0);
        check("b", &["a"], 0);
        check("a", &["b"], 1);
        check("new", &[], 1);
    }

    #[test]
    fn a_version_outside_of_the_root_is_found() {
        let check = |text: &str, expected: usize| {
            assert_eq!(check_versions("Cargo.toml", text).len(), expected, "{text}");
        };
        check("[dependencies]\na.workspace = true\n# b = \"1\"\n", 0);
        check("[package]\nname = \"x\"\n[dev-dependencies]\n", 0);
        check("[dependencies]\na = { workspace = true }\nb = \"1\"\n", 1);
        check("[build-dependencies]\nb = { path = \"../b\" }\n", 1);
    }

    #[test]
    fn the_map_names_every_module_and_no_other() {
        let map = "### `crates/a`\n\n```text\nx.rs   one\ny/     two\n```\n### `crates/b`\nz.rs\n";
        let check = |modules: &[&str], expected: usize| {
            assert_eq!(check_map("crates/a", &set(modules), map).len(), expected);
        };
        check(&["x.rs", "y/"], 0);
        check(&["x.rs", "y/", "z.rs"], 1);
        check(&["x.rs"], 1);
    }

    #[test]
    fn the_map_names_no_module_twice() {
        let map = "### `crates/a`\nx.rs   one\ny/   two\nx.rs   three\n";
        assert_eq!(check_map("crates/a", &set(&["x.rs", "y/"]), map).len(), 1);
    }
}
