//! The page of the manual that lists where the worker departs from Buildbot's on purpose.
//!
//! It is made from the `Differs: …` paragraphs of doc comments, so that the list is as true as the comments.

use anyhow::Result;

use crate::{Problem, Tree};

/// The page, written by `cargo run -p xtask -- differs`.
pub const PAGE: &str = "docs/manual/differences.md";

const MARK: &str = "Differs: ";

/// Parts of the page: beginnings of source paths, and the heading for what they say. The first that fits counts.
const PARTS: &[(&str, &str)] = &[
    ("crates/worker/src/cli/", "Command line of a worker"),
    ("crates/daemon/src/log", "`twistd.log`"),
    ("crates/daemon/", "Processes"),
    ("crates/worker/src/worker_process", "Processes"),
    ("crates/worker/src/signals", "Processes"),
    ("crates/tac/", "`buildbot.tac`"),
    ("crates/endpoint/src/python_number", "Numbers in options"),
    (
        "crates/endpoint/src/server",
        "Where a master listens for workers",
    ),
    ("crates/endpoint/", "Connections of a worker"),
    ("crates/gateway/", "Where a master listens for workers"),
    ("crates/worker/src/connect/", "Connections of a worker"),
    ("crates/worker/src/reconnect", "Connections of a worker"),
    ("crates/worker/src/agent/", "Worker and master"),
    ("crates/wire/", "Worker and master"),
    ("crates/worker/src/process/", "Programs that a worker runs"),
    (
        "crates/worker/src/command/shell",
        "Programs that a worker runs",
    ),
    ("crates/worker/src/output/", "What programs write"),
    ("crates/worker/src/command/", "Files and transfers"),
    ("crates/cli/src/checkconfig", "Checking a configuration"),
    ("crates/cli/", "Command line of a master"),
    ("crates/master/", "Running a master"),
    ("crates/config/", "Checking a configuration"),
    ("crates/render/", "Properties and renderables"),
    ("crates/steps/", "Steps"),
    ("crates/changes/", "Changes"),
    ("crates/db/src/copy", "Command line of a master"),
    ("crates/db/", "Database"),
    ("crates/logs/", "Logs"),
    ("crates/engine/", "Requests, builds and locks"),
    ("crates/schedulers/", "Schedulers"),
    ("crates/data/", "REST API"),
    ("crates/web/src/dev_proxy", "Command line of a master"),
    ("crates/web/", "Web server"),
];

const HEAD: &str = "\
# Differences from Buildbot

Where these programs depart from those of Buildbot 4.3.0 on purpose. *The reference* is the Python program.
Anything else that differs is a fault: please report it. What the text of headers in a build's log says is free
and differs in places.

This page is made from the doc comments of the sources: change those, then run `cargo run -p xtask -- differs`.
";

pub(crate) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let page = match page(tree)? {
        Ok(page) => page,
        Err(problems) => return Ok(problems),
    };
    let current = match tree.has(PAGE) {
        true => tree.source(PAGE)?,
        false => String::new(),
    };
    Ok(if current == page {
        Vec::new()
    } else {
        let text = "not what the sources say; run `cargo run -p xtask -- differs`";
        vec![Problem::in_file(PAGE, text)]
    })
}

/// The page as the sources have it; an error says which sources have no place on it, or give no reason.
pub fn page(tree: &Tree) -> Result<Result<String, Vec<Problem>>> {
    let mut problems = Vec::new();
    let mut parts: Vec<(&str, Vec<String>)> = Vec::new();
    for (_, heading) in PARTS {
        if !parts.iter().any(|(known, _)| known == heading) {
            parts.push((heading, Vec::new()));
        }
    }
    let is_source = |path: &&String| path.starts_with("crates/") && path.contains("/src/");
    for path in tree.with_extension("rs").filter(is_source) {
        for (line, text) in paragraphs(&tree.source(path)?) {
            let part = PARTS.iter().find(|(start, _)| path.starts_with(start));
            let list = part.and_then(|(_, heading)| {
                let mut parts = parts.iter_mut();
                parts.find(|(known, _)| known == heading)
            });
            match list {
                Some((_, list)) if has_reason(&text) => list.push(text),
                Some(_) => problems.push(Problem::at(
                    path,
                    line,
                    "a difference needs a reason: write `Differs: … because …`, or name what the reference does",
                )),
                None => problems.push(Problem::at(
                    path,
                    line,
                    "this file has no part on the page of differences; add it to xtask/src/differences.rs",
                )),
            }
        }
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let mut page = HEAD.to_owned();
    for (heading, list) in parts.iter().filter(|(_, list)| !list.is_empty()) {
        page.push_str(&format!("\n## {heading}\n\n"));
        for text in list {
            page.push_str(&format!("- {}\n", capitalised(text)));
        }
    }
    Ok(Ok(page))
}

fn has_reason(text: &str) -> bool {
    ["because", "so that", "reference"]
        .iter()
        .any(|word| text.contains(word))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// The paragraphs of doc comments that begin with the mark, each as one line, with the number of its first line.
fn paragraphs(source: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(source.lines()) {
        let line = line.trim_start();
        let comment = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"));
        let Some(comment) = comment.map(str::trim) else {
            open = false;
            continue;
        };
        if let Some(text) = comment.strip_prefix(MARK) {
            found.push((number, text.to_owned()));
            open = true;
        } else if comment.is_empty() || is_source_of_rule(comment) {
            open = false;
        } else if open && let Some((_, text)) = found.last_mut() {
            text.push(' ');
            text.push_str(comment);
        }
    }
    for (_, text) in &mut found {
        *text = without_rust_links(text);
    }
    found
}

fn is_source_of_rule(comment: &str) -> bool {
    ["Buildbot: ", "Seen: ", "Source: ", "Twisted: "]
        .iter()
        .any(|start| comment.starts_with(start))
}

/// Links to items mean nothing on the page: [`a`] and [`a`](b) become `a`.
fn without_rust_links(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, behind)) = after.split_once("`]") else {
            break;
        };
        result.push_str(&format!("{before}`{name}`"));
        rest = behind;
        if let Some(target) = behind.strip_prefix('(') {
            rest = target.split_once(')').map_or(behind, |(_, rest)| rest);
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_ends_where_something_else_begins() {
        let source = "\
/// Does it.
/// Differs: sooner, because
/// it can.
/// Differs: later, as [`Limits`](a::Limits) say.
/// Buildbot: manual.
fn a() {}
    /// Differs: never.
    ///
    /// More.
";
        let expected = [
            (2, "sooner, because it can."),
            (4, "later, as `Limits` say."),
            (7, "never."),
        ];
        let expected = expected.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(paragraphs(source), expected);
    }

    #[test]
    fn a_page_that_is_not_current_and_a_difference_without_reason_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let source = "crates/worker/src/cli/stop.rs";
        std::fs::create_dir_all(root.join("crates/worker/src/cli")).unwrap();
        std::fs::create_dir_all(root.join("docs/manual")).unwrap();
        let write = |path: &str, text: &str| std::fs::write(root.join(path), text).unwrap();
        let count = || {
            let tree = Tree::new(root, [source, PAGE]);
            check(&tree).unwrap().len()
        };
        write(source, "/// Differs: it stops, because it can.\n");
        assert_eq!(count(), 1);
        let tree = Tree::new(root, [source]);
        let page = page(&tree).unwrap().unwrap();
        assert!(
            page.contains("## Command line of a worker\n\n- It stops, because it can.\n"),
            "{page}"
        );
        write(PAGE, &page);
        assert_eq!(count(), 0);
        write(source, "/// Differs: it stops.\n");
        assert_eq!(count(), 1);
    }
}
