//! `glob`: file names by patterns, as Python's `glob.glob(pattern, recursive=True)` finds them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::CommandContext;

/// The paths that match a pattern, in which `*`, `?`, `[…]` and components `**` stand for others; in no order, possibly with repetitions, as in Python. Blocks on the disk.
pub(super) fn matches(pattern: &Path, context: &CommandContext) -> Vec<String> {
    expand(pattern.as_os_str().as_bytes(), false, context)
        .iter()
        .map(|path| context.decoded(OsStr::from_bytes(path)))
        .collect()
}

/// The paths that match `path`; with `only_directories` others may be left out.
fn expand(path: &[u8], only_directories: bool, context: &CommandContext) -> Vec<Vec<u8>> {
    let (directory, name) = split(path);
    if !has_wildcards(path, context) {
        let exists = if name.is_empty() {
            is_directory(directory)
        } else {
            exists(path)
        };
        return if exists {
            vec![path.to_vec()]
        } else {
            Vec::new()
        };
    }
    let directories = if directory != path && has_wildcards(directory, context) {
        expand(directory, true, context)
    } else {
        vec![directory.to_vec()]
    };
    let mut found = Vec::new();
    for directory in directories {
        let names = if name == b"**" {
            everything_below(&directory, only_directories)
        } else if has_wildcards(name, context) {
            entries_like(&directory, name, only_directories, context)
        } else {
            let exists = if name.is_empty() {
                is_directory(&directory)
            } else {
                exists(&join(&directory, name))
            };
            if exists {
                vec![name.to_vec()]
            } else {
                Vec::new()
            }
        };
        found.extend(names.iter().map(|name| join(&directory, name)));
    }
    found
}

/// The entries of a directory that match a pattern.
fn entries_like(
    directory: &[u8],
    pattern: &[u8],
    only_directories: bool,
    context: &CommandContext,
) -> Vec<Vec<u8>> {
    let pattern: Vec<char> = context
        .decoded(OsStr::from_bytes(pattern))
        .chars()
        .collect();
    let wants_hidden = pattern.first() == Some(&'.');
    entries(directory, only_directories)
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| wants_hidden || !is_hidden(name))
        .filter(|name| {
            let text: Vec<char> = context.decoded(OsStr::from_bytes(name)).chars().collect();
            name_matches(&pattern, &text)
        })
        .collect()
}

/// The directory itself, as the empty name, and everything below it that is not hidden; links are followed
/// until the system says that they go in circles.
fn everything_below(directory: &[u8], only_directories: bool) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    if !is_directory(directory) {
        return found;
    }
    found.push(Vec::new());
    let mut waiting: Vec<Vec<u8>> = vec![Vec::new()];
    while let Some(parent) = waiting.pop() {
        let path = if parent.is_empty() {
            directory.to_vec()
        } else {
            join(directory, &parent)
        };
        for entry in entries(&path, only_directories) {
            if is_hidden(&entry.name) {
                continue;
            }
            let name = if parent.is_empty() {
                entry.name
            } else {
                join(&parent, &entry.name)
            };
            if entry.may_have_entries {
                waiting.push(name.clone());
            }
            found.push(name);
        }
    }
    found
}

struct Entry {
    name: Vec<u8>,
    /// A directory, or a link that may lead to one.
    may_have_entries: bool,
}

/// The entries of a directory; none if it cannot be read.
fn entries(directory: &[u8], only_directories: bool) -> Vec<Entry> {
    let Ok(entries) = std::fs::read_dir(OsStr::from_bytes(directory)) else {
        return Vec::new();
    };
    entries
        .map_while(Result::ok)
        .filter_map(|entry| {
            let kind = entry.file_type().ok();
            let is_link = kind.is_none_or(|kind| kind.is_symlink());
            let is_directory = if is_link {
                only_directories && entry.path().is_dir()
            } else {
                kind.is_some_and(|kind| kind.is_dir())
            };
            if only_directories && !is_directory {
                return None;
            }
            Some(Entry {
                name: entry.file_name().into_vec(),
                may_have_entries: is_directory || is_link,
            })
        })
        .collect()
}

fn is_hidden(name: &[u8]) -> bool {
    name.first() == Some(&b'.')
}

fn exists(path: &[u8]) -> bool {
    std::fs::symlink_metadata(OsStr::from_bytes(path)).is_ok()
}

fn is_directory(path: &[u8]) -> bool {
    Path::new(OsStr::from_bytes(path)).is_dir()
}

/// Whether a path has wildcards; decided by its text, because a byte of a character may look like one.
fn has_wildcards(path: &[u8], context: &CommandContext) -> bool {
    context
        .decoded(OsStr::from_bytes(path))
        .contains(['*', '?', '['])
}

/// Directory and last name; slashes between them go, unless the directory has nothing else.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (directory, name) = path.split_at_checked(start).unwrap_or((path, b""));
    let length = directory
        .iter()
        .rposition(|byte| *byte != b'/')
        .map(|last| last + 1);
    let directory = length
        .and_then(|length| directory.get(..length))
        .unwrap_or(directory);
    (directory, name)
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let path = Path::new(OsStr::from_bytes(directory)).join(OsStr::from_bytes(name));
    OsString::from(path).into_vec()
}

/// One position of a pattern, apart from `*`.
enum Wanted<'a> {
    Any,
    One(char),
    /// The inside of `[…]`, without `!`.
    Set {
        members: &'a [char],
        negated: bool,
    },
}

/// Splits off the first position of a pattern that does not begin with `*`.
fn first_wanted(pattern: &[char]) -> Option<(Wanted<'_>, &[char])> {
    let (first, rest) = pattern.split_first()?;
    match first {
        '?' => Some((Wanted::Any, rest)),
        '[' => Some(set(rest).unwrap_or((Wanted::One('['), rest))),
        other => Some((Wanted::One(*other), rest)),
    }
}

/// What follows a `[`, if there is a `]` that closes it. A `]` at the beginning is a member.
fn set(rest: &[char]) -> Option<(Wanted<'_>, &[char])> {
    let (negated, inside) = match rest.split_first() {
        Some(('!', inside)) => (true, inside),
        _ => (false, rest),
    };
    let end = inside
        .iter()
        .skip(1)
        .position(|character| *character == ']')?
        + 1;
    let (members, tail) = inside.split_at_checked(end)?;
    Some((Wanted::Set { members, negated }, tail.get(1..)?))
}

impl Wanted<'_> {
    fn takes(&self, character: char) -> bool {
        match self {
            Wanted::Any => true,
            Wanted::One(wanted) => *wanted == character,
            Wanted::Set { members, negated } => contains(members, character) != *negated,
        }
    }
}

/// Whether members and ranges (`a-z`; backwards ones are empty) have a character.
fn contains(mut members: &[char], character: char) -> bool {
    loop {
        match members {
            [low, '-', high, rest @ ..] => {
                if (*low..=*high).contains(&character) {
                    return true;
                }
                members = rest;
            }
            [one, rest @ ..] => {
                if *one == character {
                    return true;
                }
                members = rest;
            }
            [] => return false,
        }
    }
}

/// Whether a name matches a pattern as a whole.
fn name_matches(pattern: &[char], name: &[char]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // Where to go on if what follows the latest `*` does not match: it takes one character more.
    let mut retry: Option<(&[char], &[char])> = None;
    loop {
        if let ['*', after @ ..] = pattern {
            retry = Some((after, name));
            pattern = after;
            continue;
        }
        let step = match (first_wanted(pattern), name.split_first()) {
            (None, None) => return true,
            (Some((wanted, pattern)), Some((character, name))) if wanted.takes(*character) => {
                Some((pattern, name))
            }
            _ => None,
        };
        let Some((next_pattern, next_name)) = step else {
            let Some((after, from)) = retry else {
                return false;
            };
            let Some((_, from)) = from.split_first() else {
                return false;
            };
            retry = Some((after, from));
            (pattern, name) = (after, from);
            continue;
        };
        (pattern, name) = (next_pattern, next_name);
    }
}
