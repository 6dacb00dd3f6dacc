//! What every file must have, and what none may.

use std::path::Path;

use anyhow::Result;

use crate::{Problem, Tree};

/// Longest source file; a longer one asks for a noun to be found.
const LINES_MAX: usize = 800;

/// Files that may be longer, with the reason.
const LONGER: &[(&str, &str)] = &[];

/// Recorded or generated material, which is not ours to change. Its hosts and paths are checked all the same
/// where it is text.
const RECORDED: &[&str] = &["crates/wire/tests/transcripts/", "fuzz/corpus/"];

/// Names of people in paths that everybody sees to be made up.
const MADE_UP_NAMES: &[&str] = &["bot", "buildbot", "ci", "ciu", "me"];

/// Hosts that a file may name, with all names below them. Others may be a host of one organisation.
const KNOWN_HOSTS: &[&str] = &[
    "127.0.0.1",
    "apache.org",
    "api.upcloud.com",
    "bitbucket.org",
    "buildbot.net",
    "code.sf.net",
    "crates.io",
    "debian.net",
    "docs.rs",
    "example",
    "example.com",
    "github.com",
    "gitlab.com",
    "google.com",
    "googleapis.com",
    "ietf.org",
    "invalid",
    "localhost",
    "pushjet.io",
    "pushover.net",
    "python.org",
    "rust-lang.org",
    "rustup.rs",
    "sf.net",
    "sourceforge.net",
    "twisted.org",
    "ubuntu.com",
    "unicode.org",
    "upcloud.com",
    "whatwg.org",
    "w3.org",
];

pub(crate) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let places = Places::of_this_machine(tree);
    for path in tree.files() {
        let Some(text) = tree.text(path)? else {
            continue;
        };
        problems.extend(places.check(path, &text));
        if path.ends_with("Cargo.lock") {
            problems.extend(check_lock(path, &text));
            continue;
        }
        if RECORDED.iter().any(|recorded| path.starts_with(recorded)) {
            continue;
        }
        problems.extend(check_hosts(path, &text));
        if let Some(kind) = Kind::of(path, &text) {
            problems.extend(check_header(path, &text, kind));
            problems.extend(check_marks(path, &text, kind));
            problems.extend(check_length(path, &text, LONGER));
        }
    }
    for (path, _) in LONGER.iter().filter(|(path, _)| !tree.has(path)) {
        let text = "it may be longer than others by xtask/src/sources.rs, but does not exist";
        problems.push(Problem::in_file(path, text));
    }
    Ok(problems)
}

/// Languages, by how they comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rust,
    C,
    /// Python, shell, TOML of tools.
    Hash,
}

impl Kind {
    fn of(path: &str, text: &str) -> Option<Self> {
        match Path::new(path).extension().and_then(|e| e.to_str()) {
            Some("rs") => Some(Self::Rust),
            Some("c" | "h") => Some(Self::C),
            Some("py" | "cfg" | "sh") => Some(Self::Hash),
            _ if text.starts_with("#!/") => Some(Self::Hash),
            _ => None,
        }
    }

    /// The comment of a line, if it has one; a string that looks like one counts.
    fn comment(self, line: &str) -> Option<&str> {
        let mark = match self {
            Self::Rust | Self::C => "//",
            Self::Hash => "#",
        };
        line.split_once(mark)
            .filter(|(before, _)| before.is_empty() || before.ends_with(char::is_whitespace))
            .map(|(_, comment)| comment)
    }
}

/// A file begins by saying what it is for.
fn check_header(path: &str, text: &str, kind: Kind) -> Option<Problem> {
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let after_interpreter = match text.split_once('\n') {
        Some((line, rest)) if line.starts_with("#!") => rest,
        _ => text,
    };
    let line = first(after_interpreter);
    let (has, form) = match kind {
        Kind::Rust => (line.starts_with("//! "), "`//! …`"),
        Kind::C => (
            line.starts_with("/* ") || line.starts_with("// "),
            "`/* … */`",
        ),
        Kind::Hash => (
            line.starts_with("# ") || line.starts_with("\"\"\""),
            "`# …`, or a doc string",
        ),
    };
    (!has).then(|| {
        Problem::at(
            path,
            1,
            format!("begin the file with {form} that says what it is for"),
        )
    })
}

/// Nothing is left for later, and no lint is silenced without a reason.
fn check_marks(path: &str, text: &str, kind: Kind) -> Vec<Problem> {
    // Joined here, so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
    ];
    let calls = [concat!("to", "do!("), concat!("unimple", "mented!(")];
    let silenced = [concat!("#[al", "low("), concat!("#![al", "low(")];
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let comment = kind.comment(line).unwrap_or_default();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        for word in comment.split(|c| !is_part(c)) {
            if words.contains(&word) {
                let text = format!("{word} is left here; do it, or describe it in an issue");
                problems.push(Problem::at(path, number, text));
            }
        }
        if kind != Kind::Rust {
            continue;
        }
        if calls.iter().any(|call| line.contains(call)) {
            problems.push(Problem::at(path, number, "something is not written yet"));
        }
        if silenced.iter().any(|mark| line.contains(mark)) {
            let text = "use #[expect(LINT, reason = \"…\")], which tells when it is not needed";
            problems.push(Problem::at(path, number, text));
        }
    }
    problems
}

fn check_length(path: &str, text: &str, longer: &[(&str, &str)]) -> Option<Problem> {
    let lines = text.lines().count();
    let listed = longer.iter().any(|(name, _)| *name == path);
    (lines > LINES_MAX && !listed).then(|| {
        Problem::in_file(
            path,
            format!(
                "{lines} lines, more than {LINES_MAX}: split it by meaning, \
                 or list it with a reason in xtask/src/sources.rs"
            ),
        )
    })
}

/// Every package comes from the public registry.
fn check_lock(path: &str, text: &str) -> Vec<Problem> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| {
            line.starts_with("source = ")
                && *line != "source = \"registry+https://github.com/rust-lang/crates.io-index\""
        })
        .map(|(number, line)| {
            let text = format!("{line} is not the public registry");
            Problem::at(path, number, text)
        })
        .collect()
}

fn check_hosts(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for scheme in ["http://", "https://"] {
            for (at, _) in line.match_indices(scheme) {
                let rest = &line[at + scheme.len()..];
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-._@".contains(c)));
                let host = &rest[..end.unwrap_or(rest.len())];
                // One word is a placeholder: nobody outside can resolve it.
                if !host.contains('.') && !host.contains('@') {
                    continue;
                }
                let host = host.trim_end_matches('.');
                let is_known = KNOWN_HOSTS.iter().any(|known| {
                    host.strip_suffix(known)
                        .is_some_and(|above| above.is_empty() || above.ends_with('.'))
                });
                if !is_known {
                    let text = format!(
                        "the host {host} is not known to everybody; if it is, add it to xtask/src/sources.rs"
                    );
                    problems.push(Problem::at(path, number, text));
                }
            }
        }
    }
    problems
}

/// Directories that exist on one machine only.
struct Places {
    /// The checkout, the build directory and the home directory of this machine.
    ours: Vec<String>,
}

impl Places {
    fn of_this_machine(tree: &Tree) -> Self {
        let mut ours = vec![tree.root().display().to_string()];
        for variable in ["HOME", "CARGO_HOME", "CARGO_TARGET_DIR"] {
            ours.extend(std::env::var(variable));
        }
        Self::new(ours)
    }

    /// Keeps what can only mean this machine: `/target` or `/home/ci` stand in files for other reasons.
    fn new(ours: impl IntoIterator<Item = String>) -> Self {
        let is_telling = |place: &String| {
            let names: Vec<&str> = place.split('/').filter(|name| !name.is_empty()).collect();
            let is_made_up = matches!(names.as_slice(), [_, name] if MADE_UP_NAMES.contains(name));
            names.len() > 1 && !is_made_up
        };
        Self {
            ours: ours.into_iter().filter(is_telling).collect(),
        }
    }

    fn check(&self, path: &str, text: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let here = self.ours.iter().any(|place| {
                line.match_indices(place).any(|(at, _)| {
                    // Not a part of a longer path or name.
                    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
                    let before = line[..at].chars().next_back();
                    let next = line[at + place.len()..].chars().next();
                    !before.is_some_and(is_part) && !next.is_some_and(is_part)
                })
            });
            if here || has_private_home(line) {
                let text =
                    "a path of one machine; make it relative, or take it from the environment";
                problems.push(Problem::at(path, number, text));
            }
        }
        problems
    }
}

/// Whether `line` names a home directory that is not made up.
fn has_private_home(line: &str) -> bool {
    if line.contains(concat!("/ro", "ot/")) {
        return true;
    }
    [concat!("/ho", "me/"), concat!("/Us", "ers/")]
        .iter()
        .flat_map(|place| line.match_indices(place))
        .any(|(at, place)| {
            let rest = &line[at + place.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let name = &rest[..end.unwrap_or(rest.len())];
            !name.is_empty() && !MADE_UP_NAMES.contains(&name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_first_what_it_is_for() {
        let check = |path: &str, text: &str, is_good: bool| {
            let kind = Kind::of(path, text).unwrap();
            assert_eq!(check_header(path, text, kind).is_none(), is_good, "{text}");
        };
        check("a.rs", "//! Numbers.\n", true);
        check("a.rs", "use std::io;\n", false);
        check("a.py", "\"\"\"Numbers.\"\"\"\n", true);
        check("a.py", "import os\n", false);
        check("run", "#!/bin/sh\n# Runs it.\n", true);
        check("run", "#!/bin/sh\nset -e\n", false);
        check("a.c", "/* Numbers. */\n", true);
        check("a.c", "int main;\n", false);
    }

    #[test]
    fn what_is_left_for_later_is_found() {
        let check = |path: &str, text: &str, expected: usize| {
            let kind = Kind::of(path, text).unwrap();
            assert_eq!(check_marks(path, text, kind).len(), expected, "{text}");
        };
        check("a.rs", concat!("let a = 1; // TO", "DO: more\n"), 1);
        check("a.rs", concat!("// a FIX", "ME\n"), 1);
        check("a.sh", concat!("# HA", "CK\n"), 1);
        check("a.rs", concat!("    to", "do!()\n"), 1);
        check("a.rs", concat!("#[al", "low(dead_code)]\n"), 1);
        check("a.rs", "let shown = \"XXX\"; // hidden\n", 0);
        check("a.rs", "#[expect(dead_code, reason = \"x\")]\n", 0);
    }

    #[test]
    fn long_files_are_found_unless_they_are_listed() {
        let text = "// x\n".repeat(LINES_MAX + 1);
        assert!(check_length("a.rs", &text, &[]).is_some());
        assert!(check_length("a.rs", &text, &[("a.rs", "a table")]).is_none());
        assert!(check_length("a.rs", "// x\n", &[]).is_none());
    }

    #[test]
    fn hosts_that_only_some_can_reach_are_found() {
        let check = |text: &str, expected: usize| {
            assert_eq!(check_hosts("a", text).len(), expected, "{text}");
        };
        check("see https://docs.rs/x and http://127.0.0.1:80/", 0);
        check("http://master.example/ http://host:80", 0);
        check(concat!("https://", "registry.company.com/simple"), 1);
        check(concat!("https://", "notgithub.com"), 1);
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert!(check_lock("Cargo.lock", lock).is_empty());
        let other = lock.replace("github.com", "other.example");
        assert_eq!(check_lock("Cargo.lock", &other).len(), 1);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let ours = ["/srv/checkout", "/target", "/home/ci", "/"];
        let places = Places::new(ours.map(str::to_owned));
        let check = |text: &str, expected: usize| {
            assert_eq!(places.check("a", text).len(), expected, "{text}");
        };
        check("cd /srv/checkout && make", 1);
        check("cd /srv/checkouts", 0);
        check("www/srv/checkout", 0);
        check("/target", 0);
        check("/home/ci/build", 0);
        check(concat!("/ho", "me/somebody/x"), 1);
        check(concat!("/ro", "ot/x"), 1);
    }
}
