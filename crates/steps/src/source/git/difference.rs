//! What `git diff` prints, as data.

use buildbot_render::Value;

use crate::error::StepError;

/// Files that do not exist on one side.
const NO_FILE: &str = "/dev/null";

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileDifference {
    source: String,
    target: String,
    is_binary: bool,
    hunks: Vec<Hunk>,
}

/// Lines that differ: where they begin, and how many they are, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hunk {
    source_start: i64,
    source_length: i64,
    target_start: i64,
    target_length: i64,
}

impl FileDifference {
    fn new(source: &str, target: &str) -> Self {
        Self {
            source: source.to_owned(),
            target: target.to_owned(),
            is_binary: false,
            hunks: Vec::new(),
        }
    }

    /// As the reference has it, the first two characters of names do not count.
    fn is_rename(&self) -> bool {
        let name = |path: &str| path.chars().skip(2).collect::<String>();
        self.source != NO_FILE && self.target != NO_FILE && name(&self.source) != name(&self.target)
    }
}

fn wrong(message: String) -> StepError {
    StepError::of_class("unidiff.errors.UnidiffParseError", message)
}

/// Reads a unified difference without prefixes of names.
///
/// Differs: `GitDiffInfo` understands names with blanks in every case, because the reference breaks on some.
pub(super) fn parse(text: &str) -> Result<Vec<FileDifference>, StepError> {
    let mut files: Vec<FileDifference> = Vec::new();
    // Whether lines about names and modes belong to the last file.
    let mut is_open = false;
    let mut source: Option<&str> = None;
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let bare = line.trim_end_matches(['\n', '\r']);
        let last = files.last_mut().filter(|_| is_open);
        if let Some((from, to)) = bare.strip_prefix("diff --git ").and_then(names) {
            files.push(FileDifference::new(from, to));
            (is_open, source) = (true, None);
        } else if bare.starts_with("new file mode ") {
            last.into_iter()
                .for_each(|file| file.source = NO_FILE.to_owned());
        } else if bare.starts_with("deleted file mode ") {
            last.into_iter()
                .for_each(|file| file.target = NO_FILE.to_owned());
        } else if bare == "GIT binary patch" {
            last.into_iter().for_each(|file| file.is_binary = true);
        } else if let Some((from, to)) = binary(bare) {
            match last.filter(|file| file.hunks.is_empty()) {
                Some(file) => file.is_binary = true,
                None => {
                    files.push(FileDifference::new(from, to));
                    files
                        .last_mut()
                        .into_iter()
                        .for_each(|file| file.is_binary = true);
                }
            }
            (is_open, source) = (false, None);
        } else if let Some(name) = bare.strip_prefix("--- ") {
            source = Some(before_tab(name));
        } else if let Some(name) = bare.strip_prefix("+++ ") {
            let Some(from) = source.take() else {
                return Err(wrong(format!("Target without source: {line}")));
            };
            match last.filter(|file| file.hunks.is_empty()) {
                Some(file) => {
                    file.source = from.to_owned();
                    file.target = before_tab(name).to_owned();
                }
                None => files.push(FileDifference::new(from, before_tab(name))),
            }
            is_open = true;
        } else if let Some(hunk) = hunk(bare) {
            let Some(file) = last else {
                return Err(wrong(format!("Unexpected hunk found: {line}")));
            };
            skip(&mut lines, hunk)?;
            file.hunks.push(hunk);
        }
    }
    Ok(files)
}

/// The two names of `NAME NAME`. They are the same unless the file was renamed.
fn names(both: &str) -> Option<(&str, &str)> {
    let half = both.len() / 2;
    if both.as_bytes().get(half) == Some(&b' ') && both[..half] == both[half + 1..] {
        return Some((&both[..half], &both[half + 1..]));
    }
    both.rsplit_once(' ')
}

fn binary(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("Binary files ")?
        .strip_suffix(" differ")?
        .split_once(" and ")
}

fn before_tab(name: &str) -> &str {
    name.split('\t').next().unwrap_or(name)
}

/// `@@ -START[,LENGTH] +START[,LENGTH] @@…`.
fn hunk(line: &str) -> Option<Hunk> {
    let (source, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (target, _) = rest.split_once(" @@")?;
    let range = |range: &str| -> Option<(i64, i64)> {
        match range.split_once(',') {
            Some((start, length)) => Some((start.parse().ok()?, length.parse().ok()?)),
            None => Some((range.parse().ok()?, 1)),
        }
    };
    let (source_start, source_length) = range(source)?;
    let (target_start, target_length) = range(target)?;
    Some(Hunk {
        source_start,
        source_length,
        target_start,
        target_length,
    })
}

/// Skips the lines of a hunk.
fn skip<'a>(lines: &mut impl Iterator<Item = &'a str>, hunk: Hunk) -> Result<(), StepError> {
    let (mut source, mut target) = (hunk.source_length, hunk.target_length);
    while source > 0 || target > 0 {
        let Some(line) = lines.next() else {
            return Err(wrong("Hunk is shorter than expected".to_owned()));
        };
        let (removed, added) = match line.chars().next() {
            Some(' ' | '\n' | '\r') => (1, 1),
            Some('-') => (1, 0),
            Some('+') => (0, 1),
            Some('\\') => (0, 0),
            Some(_) | None => return Err(wrong(format!("Hunk diff line expected: {line}"))),
        };
        (source, target) = (source - removed, target - added);
        if source < 0 || target < 0 {
            return Err(wrong("Hunk is longer than expected".to_owned()));
        }
    }
    Ok(())
}

/// The differences as a value, for JSON.
pub(super) fn to_value(files: &[FileDifference]) -> Value {
    let dict = |pairs: Vec<(&str, Value)>| {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value));
        Value::Dict(pairs.collect())
    };
    let files = files.iter().map(|file| {
        let hunks = file.hunks.iter().map(|hunk| {
            dict(vec![
                ("ss", Value::Int(hunk.source_start)),
                ("sl", Value::Int(hunk.source_length)),
                ("ts", Value::Int(hunk.target_start)),
                ("tl", Value::Int(hunk.target_length)),
            ])
        });
        dict(vec![
            ("source_file", file.source.as_str().into()),
            ("target_file", file.target.as_str().into()),
            ("is_binary", file.is_binary.into()),
            ("is_rename", file.is_rename().into()),
            ("hunks", Value::List(hunks.collect())),
        ])
    });
    Value::List(files.collect())
}

#[cfg(test)]
mod tests {
    use super::{parse, to_value};

    #[test]
    fn names_with_blanks_are_understood() {
        let files =
            parse("diff --git a b a b\n--- a b\t\n+++ a b\t\n@@ -1 +1 @@\n-x\n+y\n").unwrap();
        assert_eq!(
            crate::json::dumps(&to_value(&files)).as_deref(),
            Ok(
                r#"[{"source_file": "a b", "target_file": "a b", "is_binary": false, "is_rename": false, "hunks": [{"ss": 1, "sl": 1, "ts": 1, "tl": 1}]}]"#
            )
        );
    }

    #[test]
    fn what_is_no_difference_is_never_a_panic() {
        for text in [
            "diff --git ",
            "diff --git é",
            "@@ -1 +1 @@",
            "@@ -99999999999999999999 +1 @@",
            "--- a\n+++ b\n@@ -1,-5 +1,-7 @@\n-x\n",
            "--- ",
            "+++ ",
            "Binary files  and  differ",
        ] {
            let _ = parse(text);
        }
    }
}
