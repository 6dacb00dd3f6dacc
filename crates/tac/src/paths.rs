//! Paths as `os.path` computes them on POSIX systems.

use std::path::{Path, PathBuf};

use crate::surroundings::{Files, Surroundings};

/// `os.path.join(first, second)`.
pub(crate) fn join(first: &str, second: &str) -> String {
    if second.starts_with('/') || first.is_empty() {
        second.to_owned()
    } else if first.ends_with('/') {
        format!("{first}{second}")
    } else {
        format!("{first}/{second}")
    }
}

/// `os.path.split`: what precedes the last slash, and what follows it.
fn split(path: &str) -> (&str, &str) {
    let after = path.rfind('/').map_or(0, |slash| slash + 1);
    let (head, tail) = path.split_at(after);
    let stripped = head.trim_end_matches('/');
    (if stripped.is_empty() { head } else { stripped }, tail)
}

/// `os.path.dirname`.
pub(crate) fn dirname(path: &str) -> &str {
    split(path).0
}

/// `os.path.basename`.
pub(crate) fn basename(path: &str) -> &str {
    split(path).1
}

/// `os.path.normpath`.
pub(crate) fn normpath(path: &str) -> String {
    if path.is_empty() {
        return ".".into();
    }
    // Exactly two slashes at the beginning mean something of their own to POSIX.
    let root = if path.starts_with("//") && !path.starts_with("///") {
        "//"
    } else if path.starts_with('/') {
        "/"
    } else {
        ""
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if root.is_empty() && parts.last().is_none_or(|last| *last == "..") => {
                parts.push("..");
            }
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() {
        ".".into()
    } else {
        joined
    }
}

/// `os.path.abspath`.
pub(crate) fn abspath(path: &str, surroundings: &Surroundings<'_>) -> String {
    normpath(&join(&surroundings.directory.to_string_lossy(), path))
}

/// The most symbolic links that one path may lead through, as in the kernel.
const LINKS_MAX: u32 = 40;

/// `os.path.realpath`: what cannot be followed stays as it is.
pub(crate) fn realpath(path: &str, surroundings: &Surroundings<'_>) -> String {
    let files: &dyn Files = surroundings.files;
    let start = join(&surroundings.directory.to_string_lossy(), path);
    let mut todo: Vec<String> = start.split('/').rev().map(str::to_owned).collect();
    let mut done = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = todo.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                done.pop();
                continue;
            }
            _ => done.push(&part),
        }
        let Some(target) = files.link_target(&done) else {
            continue;
        };
        links += 1;
        if links > LINKS_MAX {
            continue;
        }
        done.pop();
        if target.is_absolute() {
            done = PathBuf::from("/");
        }
        todo.extend(target.to_string_lossy().split('/').rev().map(str::to_owned));
    }
    done.to_string_lossy().into_owned()
}

/// The path that a file function opens: relative to the working directory.
pub(crate) fn opened(path: &str, surroundings: &Surroundings<'_>) -> PathBuf {
    surroundings.directory.join(Path::new(path))
}

/// `fnmatch.fnmatchcase`: `*`, `?`, `[abc]` and `[!abc]`.
pub(crate) fn fnmatch(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at_name, mut at_pattern) = (0, 0);
    // Where to go on when a `*` takes one more character.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (name.get(at_name), pattern.get(at_pattern)) {
            (None, None) => return true,
            (_, Some('*')) => {
                star = Some((at_pattern + 1, at_name));
                at_pattern += 1;
                continue;
            }
            (Some(_), Some('?')) => Some(1),
            (Some(c), Some('[')) => {
                match class(pattern.get(at_pattern..).unwrap_or_default(), *c) {
                    Some((true, length)) => Some(length),
                    Some((false, _)) => None,
                    None => (*c == '[').then_some(1),
                }
            }
            (Some(c), Some(expected)) => (c == expected).then_some(1),
            (Some(_), None) => None,
            (None, Some(_)) => return false,
        };
        match (step, star) {
            (Some(length), _) => {
                at_name += 1;
                at_pattern += length;
            }
            (None, Some((resume, taken))) => {
                star = Some((resume, taken + 1));
                at_name = taken + 1;
                at_pattern = resume;
            }
            (None, None) => return false,
        }
    }
}

/// Whether `c` is in the class that `pattern` begins with, and the length of the class; `None` when
/// the bracket is not closed and stands for itself.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = pattern.get(1) == Some(&'!');
    let first = if negated { 2 } else { 1 };
    // A closing bracket in the first place is a member.
    let close = (first + 1..pattern.len()).find(|&index| pattern.get(index) == Some(&']'))?;
    let members = pattern.get(first..close)?;
    let mut found = false;
    let mut index = 0;
    while let Some(&low) = members.get(index) {
        match (members.get(index + 1), members.get(index + 2)) {
            (Some('-'), Some(&high)) => {
                found |= (low..=high).contains(&c);
                index += 3;
            }
            _ => {
                found |= low == c;
                index += 1;
            }
        }
    }
    Some((found != negated, close + 1))
}

#[cfg(test)]
mod tests {
    use super::{basename, dirname, fnmatch, join, normpath};

    #[test]
    fn paths_are_those_of_python() {
        assert_eq!(join("a", "b"), "a/b");
        assert_eq!(join("a/", "b"), "a/b");
        assert_eq!(join("a", "/b"), "/b");
        assert_eq!(join("a", ""), "a/");
        assert_eq!(dirname("/a//b"), "/a");
        assert_eq!(dirname("/a"), "/");
        assert_eq!(dirname("a"), "");
        assert_eq!(basename("/a/b/"), "");
        assert_eq!(normpath("/a/../../b/./c//d/"), "/b/c/d");
        assert_eq!(normpath("../a/../../b"), "../../b");
        assert_eq!(normpath("//a"), "//a");
        assert_eq!(normpath("///a"), "/a");
        assert_eq!(normpath("a/.."), ".");
    }

    #[test]
    fn patterns_match_like_those_of_a_shell() {
        for (name, pattern, expected) in [
            ("WORKERPASS", "WORKER*", true),
            ("WORKERPASS", "*PASS", true),
            ("WORKERPASS", "W*P*S", true),
            ("WORKERPASS", "PASS", false),
            ("A1", "A?", true),
            ("A1", "A[0-9]", true),
            ("Ax", "A[!0-9]", true),
            ("A]", "A[]]", true),
            ("A[", "A[", true),
            ("", "*", true),
            ("", "?", false),
        ] {
            assert_eq!(fnmatch(name, pattern), expected, "{name} {pattern}");
        }
    }
}
