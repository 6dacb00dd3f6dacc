//! Documents: every one can be found, and what they point at is there.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::{Problem, Tree};

/// Where a reader begins.
const STARTS: &[&str] = &["README.md", "ARCHITECTURE.md"];

/// Directories whose names make a word between backticks a path of the tree.
const TOPS: &[&str] = &[
    "crates/",
    "demo/",
    "docs/",
    "fuzz/",
    "newsfragments/",
    "tests/",
    "xtask/",
];

pub(crate) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut links = Vec::new();
    for path in tree.with_extension("md") {
        let text = tree.source(path)?;
        for link in links_of(&text) {
            match resolve(path, &link.target) {
                None => {}
                Some((file, _)) if !tree.has(&file) => {
                    let text = format!("the link to {} leads nowhere", link.target);
                    problems.push(Problem::at(path, link.line, text));
                }
                Some((file, anchor)) => {
                    if let Some(anchor) = anchor
                        && file.ends_with(".md")
                        && !anchors(&tree.source(&file)?).contains(&anchor)
                    {
                        let text = format!("{file} has no heading #{anchor}");
                        problems.push(Problem::at(path, link.line, text));
                    }
                    links.push((path.clone(), file));
                }
            }
        }
        problems.extend(check_paths(tree, path, &text));
    }
    for path in tree.with_extension("rs") {
        let text = tree.source(path)?;
        let comments: String = text.lines().fold(String::new(), |mut all, line| {
            let comment = line.trim_start();
            all.push_str(if comment.starts_with("//") {
                comment
            } else {
                ""
            });
            all.push('\n');
            all
        });
        problems.extend(check_paths(tree, path, &comments));
    }
    let all: BTreeSet<String> = tree
        .with_extension("md")
        .filter(|path| path.starts_with("docs/"))
        .cloned()
        .collect();
    for path in unreachable(&all, &links) {
        let text = "no other document links to it; link it where a reader looks for it";
        problems.push(Problem::in_file(&path, text));
    }
    Ok(problems)
}

/// The documents of `all` that no chain of links from the starts reaches.
fn unreachable(all: &BTreeSet<String>, links: &[(String, String)]) -> Vec<String> {
    let mut reached: BTreeSet<&str> = STARTS.iter().copied().collect();
    let mut to_follow: Vec<&str> = STARTS.to_vec();
    while let Some(path) = to_follow.pop() {
        for (_, target) in links.iter().filter(|(from, _)| from == path) {
            if reached.insert(target) {
                to_follow.push(target);
            }
        }
    }
    all.iter()
        .filter(|path| !reached.contains(path.as_str()))
        .cloned()
        .collect()
}

struct Link {
    line: usize,
    target: String,
}

/// The targets of `[text](target)` and `[name]: target`, outside of code.
fn links_of(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, prose) in prose(text) {
        for (at, _) in prose.match_indices("](") {
            let rest = &prose[at + 2..];
            if let Some(end) = rest.find(')') {
                let target = rest[..end].split_whitespace().next().unwrap_or_default();
                links.push(Link {
                    line,
                    target: target.to_owned(),
                });
            }
        }
        if let Some((name, target)) = prose.split_once("]: ")
            && name.starts_with('[')
        {
            links.push(Link {
                line,
                target: target.trim().to_owned(),
            });
        }
    }
    links
}

/// The lines outside of code blocks, with inline code made blank.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut in_block = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let odd = |index: usize| index % 2 == 1;
            let without_code = line.split('`').enumerate();
            let kept = without_code.map(|(index, part)| if odd(index) { "" } else { part });
            lines.push((number, kept.collect::<Vec<_>>().join(" ")));
        }
    }
    lines
}

/// The file of the tree and the heading that a link of `from` leads to; `None` for other places.
fn resolve(from: &str, target: &str) -> Option<(String, Option<String>)> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (target, None),
    };
    if file.is_empty() {
        return Some((from.to_owned(), anchor));
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                // Above the root nothing belongs to the project.
                if parts.pop().is_none() {
                    return Some(("..".to_owned(), None));
                }
            }
            part => parts.push(part),
        }
    }
    Some((parts.join("/"), anchor))
}

/// The anchors that GitHub makes of the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_block = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        if in_block || !line.starts_with('#') {
            continue;
        }
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        });
        found.insert(kept.collect());
    }
    found
}

/// Paths between backticks exist, below the root or, in a source file, below its package.
fn check_paths(tree: &Tree, path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let package = match path.split("/tests/").next() {
        Some(package) if package != path => format!("{package}/"),
        Some(_) | None => String::new(),
    };
    for (number, line) in (1..).zip(text.lines()) {
        for code in line.split('`').skip(1).step_by(2) {
            let word = code.split_whitespace().next().unwrap_or_default();
            let is_path = TOPS.iter().any(|top| word.starts_with(top))
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let exists = || tree.has(word) || tree.has(&format!("{package}{word}"));
            if is_path && !exists() && !is_made(word) {
                let text = format!("`{word}` does not exist");
                problems.push(Problem::at(path, number, text));
            }
        }
    }
    problems
}

/// Places that come into being by building or running.
fn is_made(path: &str) -> bool {
    path.starts_with("fuzz/artifacts") || path.starts_with("fuzz/target")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "a [b](c.md) `[x](y)` [d](e#f \"title\")\n```\n[g](h)\n```\n[i]: j.md\n";
        let targets: Vec<String> = links_of(text).into_iter().map(|link| link.target).collect();
        assert_eq!(targets, ["c.md", "e#f", "j.md"]);
    }

    #[test]
    fn links_are_relative_to_their_file() {
        let check = |from: &str, target: &str, expected: Option<(&str, Option<&str>)>| {
            let expected = expected.map(|(f, a)| (f.to_owned(), a.map(str::to_owned)));
            assert_eq!(resolve(from, target), expected, "{from} {target}");
        };
        check("docs/a.md", "b.md", Some(("docs/b.md", None)));
        check("docs/a.md", "../c.md#x", Some(("c.md", Some("x"))));
        check("docs/a.md", "#x", Some(("docs/a.md", Some("x"))));
        check("a.md", "https://docs.rs/", None);
        check("a.md", "../outside.md", Some(("..", None)));
    }

    #[test]
    fn headings_have_the_anchors_of_github() {
        let found = anchors("# Log and `rotation`\n```\n# no\n```\n## 2. TLS\n");
        let expected = ["log-and-rotation", "2-tls"];
        assert_eq!(found, expected.map(str::to_owned).into());
    }

    #[test]
    fn a_document_that_nobody_links_is_found() {
        let all = ["docs/a.md", "docs/b.md", "docs/c.md"].map(str::to_owned);
        let links = [
            ("README.md", "docs/a.md"),
            ("docs/a.md", "docs/b.md"),
            ("docs/c.md", "docs/c.md"),
        ]
        .map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(unreachable(&all.into(), &links), ["docs/c.md"]);
    }

    #[test]
    fn links_and_paths_that_lead_nowhere_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir_all(root.join("docs")).unwrap();
        std::fs::write(
            root.join("README.md"),
            "[a](docs/a.md) `docs/a.md` `docs/b.md`",
        )
        .unwrap();
        std::fs::write(root.join("docs/a.md"), "[x](gone.md) [y](#none)").unwrap();
        let tree = Tree::new(root, ["README.md", "docs/a.md"]);
        let found: Vec<String> = check(&tree)
            .unwrap()
            .iter()
            .map(Problem::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "README.md:1: `docs/b.md` does not exist",
                "docs/a.md:1: the link to gone.md leads nowhere",
                "docs/a.md:1: docs/a.md has no heading #none",
            ]
        );
    }
}
